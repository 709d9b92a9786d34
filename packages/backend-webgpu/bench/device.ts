/**
 * GFLOP/s of products and milliseconds of a model's forward pass, plain WGSL beside what the adapter has, in turns. The adapter is named as
 * what it is: figures of a software one say nothing about GPUs.
 *
 *     node --conditions=@pare/source packages/backend-webgpu/bench/device.ts [rounds] [--smoke]
 *     deno run --allow-all --no-lock --conditions=@pare/source packages/backend-webgpu/bench/device.ts [rounds] [--smoke]
 */
import { createModel, forwardGraph, llama, llamaConfig, padRows } from "@pare/models";
import {
  compile,
  createStore,
  linearAffineInt8Op,
  linearAffineOp,
  linearF16Op,
  linearHalfOp,
  linearOp,
  matmulOp,
  toF16,
  type AnyOp,
  type Device,
  type DType,
  type PlannedTensor,
} from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { openInNode } from "../test/node.ts";

const rounds = numbers[0] ?? (smoke ? 1 : 5);
/** [tokens, in, out] */
const SHAPES: readonly (readonly [number, number, number])[] = smoke
  ? [[16, 64, 96]]
  : [
      [128, 768, 768],
      [512, 256, 512],
      [1, 768, 3072],
    ];

type Way = () => Promise<unknown>;

const devices = await Promise.all([openInNode(), openInNode({ portable: true })]);
const open = devices.filter((device) => device !== undefined);
for (const shape of SHAPES) {
  const ways: Record<string, Way> = {};
  for (const device of open) Object.assign(ways, waysOf(device, shape));
  const [rows, features, out] = shape;
  for (const [name, { median, fastest }] of Object.entries(await interleave(ways, rounds, 1))) {
    const flop = (2 * rows * features * out) / 1e6;
    report({ what: `${rows}×${features}×${out} ${name}`, value: flop / median, fastest: flop / fastest, unit: "GFLOP/s" });
  }
}
const MODEL = smoke
  ? { layers: 1, hiddenSize: 16, feedForward: 32, tokens: 8 }
  : { layers: 4, hiddenSize: 128, feedForward: 384, tokens: 64 };
const forward: Record<string, Way> = {};
for (const device of open) {
  forward[`forward, llama ${MODEL.layers}×${MODEL.hiddenSize}, 2×${MODEL.tokens} tokens, ${device.variant}`] = forwardOf(device);
}
for (const [what, { median, fastest }] of Object.entries(await interleave(forward, rounds, 1))) {
  report({ what, value: median, fastest, unit: "ms" });
}
for (const device of open) await device.close();

function waysOf(device: Device, [rows, features, out]: readonly [number, number, number]): Record<string, Way> {
  const [x, y, weight] = [place(device, [rows, features]), place(device, [rows, out]), place(device, [out, features])];
  const codes = place(device, [out, features], "u8");
  const affine = { x, codes, scales: place(device, [out, Math.ceil(features / 32)]) };
  const attrs = { bits: 8, features, groupSize: 32, activation: "none" };
  const run = (op: AnyOp, inputs: Record<string, PlannedTensor>, output: PlannedTensor, given: Record<string, unknown>): Way =>
    device.prepare([{ op, attrs: given, inputs, outputs: { y: output } }]).run;
  const halves = { ...place(device, [out, features], "f16"), dtype: "u8", shape: [out, 2 * features] } as const;
  const largest = { ...place(device, [1, 1]), shape: [1] };
  device.write(largest.buffer, Float32Array.of(0.5));
  return {
    [`f16 weight, ${device.variant}`]: run(linearHalfOp, { x, halves }, y, { format: "f16", features, activation: "none" }),
    ...(device.supports(linearF16Op.name) && {
      [`f16 weight and activations, ${device.variant}`]: run(linearF16Op, { x, halves, largest }, y, { features, activation: "none" }),
    }),
    [`x·Wᵀ, ${device.variant}`]: run(linearOp, { x, weight }, y, { activation: "none" }),
    [`gᵀ·x, ${device.variant}`]: run(matmulOp, { a: y, b: x }, weight, { transposeA: true, transposeB: false }),
    [`int8 weight, ${device.variant}`]: run(linearAffineOp, affine, y, attrs),
    [`int8 weight and activations, ${device.variant}`]: run(linearAffineInt8Op, affine, y, attrs),
  };
}

function place(device: Device, shape: readonly [number, number], dtype: DType = "f32"): PlannedTensor {
  const [rows, columns] = shape;
  const numbers = Array.from({ length: rows * columns }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
  const data =
    dtype === "u8"
      ? Uint8Array.from(numbers, (number) => 256 * (number + 0.5))
      : dtype === "f16"
        ? Uint16Array.from(numbers, toF16)
        : Float32Array.from(numbers);
  const buffer = device.allocate(data.byteLength);
  device.write(buffer, data);
  return { dtype, shape, buffer, offset: 0, constant: false };
}

function forwardOf(device: Device): Way {
  const { tokens, ...size } = MODEL;
  const config = llamaConfig({ vocabularySize: 512, contextLength: 64, heads: 4, keyValueHeads: 2, ...size });
  const { weights } = createModel(llama.define, config, { seed: 1 });
  const program = compile(forwardGraph(llama.define, config), { store: createStore(device, { weights }) });
  const row = Array.from({ length: tokens }, (_, i) => 3 + (i % 500));
  const inputs = padRows([row, row]);
  return () => program.run(inputs);
}
