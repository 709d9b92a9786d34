/** Constants are computed once, what is computed twice is shared, and what only gradients needed is gone. Runs on bound graphs. */
import { sizeOf } from "../dim.ts";
import { attrsKey, type Graph, type OpNode, type Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";
import { straightThroughOp } from "../ops/straight-through.ts";
import { rewrite } from "./rewrite.ts";

/** Larger results are left to the device, so that folding never holds much host memory. */
const FOLD_LIMIT = 4096;

export function simplify(graph: Graph): Graph {
  const shared = new Map<string, Readonly<Record<string, Value>>>();
  const scalars = new Map<string, Value>();
  return rewrite(graph, {
    leaf: ({ leaf, value }, { builder }) => {
      if (leaf.kind !== "constant" || leaf.tensor.data.length !== 1) return undefined;
      const key = `${value.dtype}:${value.shape.join()}:${Object.is(leaf.tensor.data[0], -0) ? "-0" : leaf.tensor.data[0]}`;
      if (!scalars.has(key)) scalars.set(key, builder.leaf(leaf, value));
      return scalars.get(key);
    },
    op: (node, inputs, { builder }) => {
      if (node.op.updates !== undefined) return undefined;
      // Gradients are traced by now: it is its first input, and the other need not be kept or computed.
      if (node.op.name === straightThroughOp.name) return { y: inputs["value"]! };
      const key = `${node.again ?? ""}${node.op.name}(${Object.entries(inputs)
        .map(([name, value]) => `${name}:${value?.id}`)
        .join()})${attrsKey(node.attrs)}`;
      const known = shared.get(key);
      if (known !== undefined) return known;
      const folded = fold(node, inputs);
      const outputs =
        folded === undefined
          ? builder.apply(node.op, inputs as never, node.attrs)
          : Object.fromEntries(Object.entries(folded).map(([name, tensor]) => [name, builder.constant(tensor)]));
      shared.set(key, outputs);
      return outputs;
    },
  });
}

function fold(node: OpNode, inputs: Readonly<Record<string, Value | undefined>>): Readonly<Record<string, HostTensor>> | undefined {
  const tensors: Record<string, HostTensor> = {};
  for (const [name, value] of Object.entries(inputs)) {
    if (value === undefined) continue;
    if (value.node.kind !== "leaf" || value.node.leaf.kind !== "constant") return undefined;
    tensors[name] = value.node.leaf.tensor;
  }
  const size = Object.values(node.outputs).reduce((total, { shape }) => total + sizeOf(shape as number[]), 0);
  return size > FOLD_LIMIT ? undefined : node.op.reference(tensors, node.attrs);
}
