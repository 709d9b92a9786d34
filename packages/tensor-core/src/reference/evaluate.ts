/** Runs a graph on the host through the ops' references: no planning, no passes. Small graphs, tests and gradient checks. */
import { nearNames } from "@pare/core";
import { bindDim, bindShape, DimExpression, showShape, type Dims } from "../dim.ts";
import { inputMissing, shapeMismatch } from "../errors.ts";
import { inputsOf, type Graph, type LeafNode, type Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";

export interface Evaluated {
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** State name → what it holds after the run. */
  readonly updates: Readonly<Record<string, HostTensor>>;
}

/**
 * @param leaves input, state or weight name → tensor (a part of a weight as `weight/part`). Named dimensions take the sizes found here.
 *   Throws `tensor-core/input-missing` and `tensor-core/shape-mismatch`.
 */
export function evaluate(graph: Graph, leaves: Readonly<Record<string, HostTensor>>): Evaluated {
  const dims: Record<string, number> = {};
  const values = new Map<number, HostTensor>();
  const given = graph.nodes.filter((node) => node.kind === "leaf");
  for (const node of given) values.set(node.value.id, leafTensor(node, leaves));
  for (const node of given) bindNames(node.value, values.get(node.value.id)!, dims);
  for (const node of given) checkLeaf(node, values.get(node.value.id)!, dims);
  const last = lastUses(graph);
  graph.nodes.forEach((node, position) => {
    if (node.kind === "leaf") return;
    const inputs = Object.fromEntries(Object.entries(node.inputs).map(([name, value]) => [name, value && values.get(value.id)]));
    const outputs = node.op.reference(inputs, bindAttrs(node.attrs, dims));
    for (const [name, value] of Object.entries(node.outputs)) values.set(value.id, outputs[name]!);
    for (const { id } of inputsOf(node)) if (last.get(id) === position) values.delete(id);
  });
  const tensors = (record: Readonly<Record<string, Value>>): Record<string, HostTensor> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, values.get(value.id)!]));
  return { outputs: tensors(graph.outputs), updates: tensors(graph.updates) };
}

/** Attributes with every named dimension replaced by its number. */
function bindAttrs(attrs: Readonly<Record<string, unknown>>, dims: Dims): Record<string, unknown> {
  const bind = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(bind);
    return value instanceof DimExpression ? bindDim(value, dims) : value;
  };
  return Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, bind(value)]));
}

function leafTensor({ leaf }: LeafNode, leaves: Readonly<Record<string, HostTensor>>): HostTensor {
  if (leaf.kind === "constant") return leaf.tensor;
  const name = leaf.kind === "weight" && leaf.part !== undefined ? `${leaf.name}/${leaf.part}` : leaf.name;
  const tensor = leaves[name];
  if (tensor === undefined) throw inputMissing({ input: name, expected: leaf.kind, near: nearNames(name, Object.keys(leaves)) });
  return tensor;
}

/** A leaf dimension that is one name alone binds that name. */
function bindNames({ shape }: Value, tensor: HostTensor, dims: Record<string, number>): void {
  shape.forEach((d, axis) => {
    if (typeof d !== "number" && /^[^*+]+$/.test(d.toString())) dims[d.toString()] ??= tensor.shape[axis]!;
  });
}

function checkLeaf({ leaf, value }: LeafNode, tensor: HostTensor, dims: Dims): void {
  const expected = `${value.dtype} ${showShape(bindShape(value.shape, dims))}`;
  const found = `${tensor.dtype} ${showShape(tensor.shape)}`;
  if (found !== expected) throw shapeMismatch({ op: "evaluate", field: "name" in leaf ? leaf.name : "constant", expected, found });
}

/** Value id → position of the node that reads it last; results are never dropped. */
function lastUses(graph: Graph): Map<number, number> {
  const last = new Map<number, number>();
  graph.nodes.forEach((node, position) => inputsOf(node).forEach(({ id }) => last.set(id, position)));
  for (const value of [...Object.values(graph.outputs), ...Object.values(graph.updates)]) last.set(value.id, Infinity);
  return last;
}
