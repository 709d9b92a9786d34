import { GraphBuilder, inputsOf, type Graph, type LeafNode, type Node, type OpNode, type Value } from "../graph.ts";

export interface Rewriting {
  readonly builder: GraphBuilder;
  /** The new value for one of the old graph; only for nodes already visited. */
  readonly mapped: (old: Value) => Value;
}

export interface Rules {
  /** undefined: the leaf is copied as it is. */
  readonly leaf?: ((node: LeafNode, rewriting: Rewriting) => Value | undefined) | undefined;
  /** New values for the node's outputs; undefined: the op is applied again to the new inputs. */
  readonly op?:
    | ((
        node: OpNode,
        inputs: Readonly<Record<string, Value | undefined>>,
        rewriting: Rewriting,
      ) => Readonly<Record<string, Value>> | undefined)
    | undefined;
}

/** A new graph of the nodes that lead to an output or an update, node by node under `rules`. Shape rules run again; what nothing reads afterwards is gone. */
export function rewrite(graph: Graph, rules: Rules): Graph {
  const builder = new GraphBuilder();
  const map = new Map<number, Value>();
  const rewriting: Rewriting = { builder, mapped: (old) => map.get(old.id)! };
  const live = liveNodes(graph);
  for (const node of graph.nodes) {
    if (!live.has(node)) continue;
    if (node.kind === "leaf") {
      map.set(node.value.id, rules.leaf?.(node, rewriting) ?? builder.leaf(node.leaf, node.value));
      continue;
    }
    const inputs = Object.fromEntries(Object.entries(node.inputs).map(([name, value]) => [name, value && map.get(value.id)]));
    builder.again = node.again;
    const outputs = rules.op?.(node, inputs, rewriting) ?? builder.apply(node.op, inputs as never, node.attrs);
    for (const [name, output] of Object.entries(node.outputs)) {
      const value = outputs[name];
      if (value !== undefined) map.set(output.id, value);
    }
  }
  builder.again = undefined;
  const remap = (values: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map.get(value.id)!]));
  return pruned({ nodes: builder.nodes, outputs: remap(graph.outputs), updates: remap(graph.updates) });
}

/** Without the nodes that rules have left unread. */
function pruned(graph: Graph): Graph {
  const live = liveNodes(graph);
  return { ...graph, nodes: graph.nodes.filter((node) => live.has(node)) };
}

/** Nodes that an output or an update depends on. */
export function liveNodes(graph: Graph): Set<Node> {
  const live = new Set<Node>([...Object.values(graph.outputs), ...Object.values(graph.updates)].map(({ node }) => node));
  for (const node of [...graph.nodes].reverse()) {
    if (live.has(node)) for (const { node: source } of inputsOf(node)) live.add(source);
  }
  return live;
}

/** How many nodes read each value; being an output or update of the graph counts as a reader. */
export function countReaders(graph: Graph): Map<number, number> {
  const readers = new Map<number, number>();
  const count = ({ id }: Value): void => void readers.set(id, (readers.get(id) ?? 0) + 1);
  for (const node of graph.nodes) inputsOf(node).forEach(count);
  Object.values(graph.outputs).forEach(count);
  Object.values(graph.updates).forEach(count);
  return readers;
}
