/** Runs a graph on the host through the ops' references: no planning, no passes. Small graphs, tests and gradient checks. */
import { nearNames } from "@pare/core";
import { showShape } from "../dim.ts";
import { inputMissing, shapeMismatch } from "../errors.ts";
import { inputsOf, type Graph, type LeafNode, type Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";
import { bindGraph, unify } from "../passes/bind.ts";

export interface Evaluated {
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** State name → what it holds after the run. */
  readonly updates: Readonly<Record<string, HostTensor>>;
}

/**
 * @param leaves input, state or weight name → tensor (a part of a weight as `weight#part`). Named dimensions take the sizes found here.
 *   Throws `tensor-core/input-missing` and `tensor-core/shape-mismatch`.
 */
export function evaluate(graph: Graph, leaves: Readonly<Record<string, HostTensor>>): Evaluated {
  const dims: Record<string, number> = {};
  for (const node of graph.nodes) if (node.kind === "leaf") unify(nameOf(node), node.value.shape, leafTensor(node, leaves).shape, dims);
  const bound = bindGraph(graph, dims);
  const values = new Map<number, HostTensor>();
  const last = lastUses(bound);
  bound.nodes.forEach((node, position) => {
    if (node.kind === "leaf") {
      values.set(node.value.id, checked(node, leafTensor(node, leaves)));
      return;
    }
    const inputs = Object.fromEntries(Object.entries(node.inputs).map(([name, value]) => [name, value && values.get(value.id)]));
    const outputs = node.op.reference(inputs, node.attrs);
    for (const [name, value] of Object.entries(node.outputs)) values.set(value.id, outputs[name]!);
    for (const { id } of inputsOf(node)) if (last.get(id) === position) values.delete(id);
  });
  const tensors = (record: Readonly<Record<string, Value>>): Record<string, HostTensor> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, values.get(value.id)!]));
  return { outputs: tensors(bound.outputs), updates: tensors(bound.updates) };
}

function nameOf({ leaf }: LeafNode): string {
  if (leaf.kind === "constant") return "constant";
  return leaf.kind === "weight" && leaf.part !== undefined ? `${leaf.name}#${leaf.part}` : leaf.name;
}

function leafTensor(node: LeafNode, leaves: Readonly<Record<string, HostTensor>>): HostTensor {
  if (node.leaf.kind === "constant") return node.leaf.tensor;
  const name = nameOf(node);
  const tensor = leaves[name];
  if (tensor === undefined) throw inputMissing({ input: name, expected: node.leaf.kind, near: nearNames(name, Object.keys(leaves)) });
  return tensor;
}

function checked(node: LeafNode, tensor: HostTensor): HostTensor {
  const [expected, found] = [node.value, tensor].map(({ dtype, shape }) => `${dtype} ${showShape(shape)}`) as [string, string];
  if (found !== expected) throw shapeMismatch({ op: "evaluate", field: nameOf(node), expected, found });
  return tensor;
}

/** Value id → position of the node that reads it last; results are never dropped. */
function lastUses(graph: Graph): Map<number, number> {
  const last = new Map<number, number>();
  graph.nodes.forEach((node, position) => inputsOf(node).forEach(({ id }) => last.set(id, position)));
  for (const value of [...Object.values(graph.outputs), ...Object.values(graph.updates)]) last.set(value.id, Infinity);
  return last;
}
