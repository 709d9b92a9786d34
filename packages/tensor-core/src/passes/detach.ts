/** An output or update that is the old value of a State which this run overwrites becomes a copy of it. Runs on bound graphs. */
import { inputsOf, type Graph, type Node, type Value } from "../graph.ts";
import { broadcastOp } from "../ops/broadcast.ts";

export function detach(graph: Graph): Graph {
  const copies = new Map<number, Value>();
  const nodes: Node[] = [...graph.nodes];
  const detached = (name: string | undefined, value: Value): Value => {
    const state = stateBehind(value);
    if (state === undefined || state === name || graph.updates[state] === undefined) return value;
    let copy = copies.get(value.id);
    if (copy === undefined) {
      copy = value.node.builder.apply(broadcastOp, { x: value }, { shape: value.shape }).y;
      copies.set(value.id, copy);
      // Where the value arises, not at the end: an update in place may follow at once.
      nodes.splice(nodes.indexOf(value.node) + 1, 0, copy.node);
    }
    return copy;
  };
  const outputs = Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, detached(undefined, value)]));
  const updates = Object.fromEntries(Object.entries(graph.updates).map(([name, value]) => [name, detached(name, value)]));
  return { nodes, outputs, updates };
}

/** The State whose bytes a value is, itself or under another shape. */
function stateBehind(value: Value): string | undefined {
  const { node } = value;
  if (node.kind === "op") return node.op.view === true ? stateBehind(inputsOf(node)[0]!) : undefined;
  return node.leaf.kind === "state" ? node.leaf.name : undefined;
}
