/**
 * GFLOP/s of x·Wᵀ on one thread, packing included, per kernel variant: best of the runs within the time given, since
 * other work on the machine only ever slows a run down.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/gemm.ts [milliseconds per shape]
 */
import { linearOp, matmulOp, type Device, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { openWasm } from "../src/index.ts";
import { VARIANTS } from "../src/variants.ts";

/** [tokens, in, out]: transformer layers, training shapes of small models, decoding one token. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  [128, 768, 768],
  [128, 768, 3072],
  [128, 3072, 768],
  [512, 128, 512],
  [1000, 64, 200],
  [1, 768, 3072],
];
const milliseconds = Number(process.argv[2] ?? 1000);

for (const { portable } of VARIANTS) {
  const device = await openWasm({ portable });
  for (const [rows, features, out] of SHAPES) {
    const x = place(device, [rows, features]);
    const weight = place(device, [out, features]);
    const y = place(device, [rows, out]);
    const steps: readonly (readonly [string, ProgramStep])[] = [
      ["x·Wᵀ", { op: linearOp, attrs: { activation: "none" }, inputs: { x, weight }, outputs: { y } }],
      ["g·W", { op: matmulOp, attrs: { transposeA: false, transposeB: false }, inputs: { a: y, b: weight }, outputs: { y: x } }],
      ["gᵀ·x", { op: matmulOp, attrs: { transposeA: true, transposeB: false }, inputs: { a: y, b: x }, outputs: { y: weight } }],
    ];
    const rates = steps.map(([name, step]) => `${name} ${((2 * rows * features * out) / best(device, step) / 1e6).toFixed(1)}`);
    console.log(`${device.variant.padEnd(13)} ${`${rows}×${features}×${out}`.padEnd(14)} ${rates.join("  ")} GFLOP/s`);
    for (const { buffer } of [x, weight, y]) device.free(buffer);
  }
}

function best(device: Device, step: ProgramStep): number {
  const program = device.prepare([step]);
  let least = Infinity;
  const until = performance.now() + milliseconds;
  for (let now = performance.now(); now < until;) {
    void program.run();
    const after = performance.now();
    least = Math.min(least, after - now);
    now = after;
  }
  program.dispose();
  return least;
}

function place(device: Device, shape: readonly [number, number]): PlannedTensor {
  const [rows, columns] = shape;
  const buffer = device.allocate(4 * rows * columns);
  device.write(
    buffer,
    Float32Array.from({ length: rows * columns }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5),
  );
  return { dtype: "f32", shape, buffer, offset: 0, constant: false };
}
