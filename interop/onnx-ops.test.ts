/** Every lowering against the reference, on the op's own cases, in onnxruntime-node. */
import { describe, expect, it } from "vitest";
import { memoryFiles } from "../packages/core/src/index.ts";
import { LOWERINGS } from "../packages/formats/src/onnx/lowerings/index.ts";
import { writeOnnx } from "../packages/formats/src/index.ts";
import { OPS, trace, type AnyOp, type Graph, type HostTensor, type Tracer, type Value } from "../packages/tensor-core/src/index.ts";
import { loadOrt, runOrt } from "./support/onnxruntime.ts";

const ort = loadOrt();

/** Ops of training and of storages: a traced forward pass has none of them. `cache-write` is tried with decoders, where a cache is. */
const ABSENT = new Set([
  "adamw",
  "activation-gradient",
  "attention-bias-gradient",
  "attention-gradient",
  "cache-write",
  "cross-entropy",
  "cross-entropy-gradient",
  "dequantize-affine",
  "layer-norm-gradient",
  "linear-affine",
  "linear-affine-int8",
  "linear-f16",
  "linear-half",
  "random-uniform",
  "rms-norm-gradient",
  "rows-affine",
  "rows-half",
  "scatter-rows",
  "sgd",
  "silu-mul-gradient",
  "straight-through",
]);

function graphOf(op: AnyOp, inputs: Readonly<Record<string, HostTensor | undefined>>, attrs: object): Graph {
  return trace((tracer: Tracer) => {
    const given: Record<string, Value> = {};
    for (const [name, tensor] of Object.entries(inputs))
      if (tensor !== undefined) given[name] = tracer.input(name, tensor.dtype, tensor.shape);
    const first = given[op.inputs[0]!]!;
    const outputs = first.node.builder.apply(op as never, given as never, attrs as never) as Record<string, Value>;
    return { y: outputs["y"]! };
  });
}

describe.skipIf(ort === undefined)("ONNX lowerings", () => {
  it("stand for every op of a forward pass", () => {
    const lowered = new Set(LOWERINGS.map(({ op }) => op));
    expect(OPS.map(({ name }) => name).filter((name) => !lowered.has(name) && !ABSENT.has(name))).toEqual([]);
  });

  for (const op of OPS.filter(({ name }) => !ABSENT.has(name))) {
    it(`${op.name} gives what the reference gives`, async () => {
      const failed: string[] = [];
      for (const { name, inputs, attrs, tolerance } of op.cases()) {
        // Sizes of zero have no meaning to most runtimes, and nobody exports them.
        const tensors = inputs as Readonly<Record<string, HostTensor | undefined>>;
        if (Object.values(tensors).some((tensor) => tensor?.shape.includes(0))) continue;
        const expected = op.reference(inputs, attrs)["y"]!;
        if (expected.shape.includes(0)) continue;
        const files = memoryFiles();
        await writeOnnx(files, "op.onnx", { graph: graphOf(op, tensors, attrs as object), weights: new Map() });
        const feeds = Object.fromEntries(Object.entries(tensors).filter(([, tensor]) => tensor !== undefined)) as Record<
          string,
          HostTensor
        >;
        const { y } = await runOrt(ort!, await files.read("op.onnx"), feeds);
        const found = y!.data;
        const worst = Math.max(
          0,
          ...Array.from(expected.data as Float32Array, (e, i) => Math.abs(e - Number(found[i])) / Math.max(1, Math.abs(e))),
        );
        if (y!.dims.join() !== expected.shape.join() || !(worst <= Math.max(tolerance, 2e-5)))
          failed.push(`${name}: ${worst} [${y!.dims.join()}]`);
      }
      expect(failed).toEqual([]);
    });
  }
});
