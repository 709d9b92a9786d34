/**
 * GFLOP/s of a linear layer and of its two gradients on one thread, packing included, per kernel variant.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/gemm.ts [rounds] [--smoke]
 */
import { linearOp, matmulOp, type Device, type PlannedTensor } from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { openWasm } from "../src/index.ts";

/** [tokens, in, out]: transformer layers, training shapes of small models, decoding one token. */
const SHAPES: readonly (readonly [number, number, number])[] = smoke
  ? [[16, 64, 96]]
  : [
      [128, 768, 768],
      [128, 768, 3072],
      [128, 3072, 768],
      [512, 128, 512],
      [1000, 64, 200],
      [1, 768, 3072],
    ];
const rounds = numbers[0] ?? (smoke ? 1 : 41);

for (const portable of [true, false]) {
  const device = await openWasm({ portable });
  for (const [rows, features, out] of SHAPES) {
    const x = place(device, [rows, features]);
    const weight = place(device, [out, features]);
    const y = place(device, [rows, out]);
    const times = await interleave(
      {
        x·Wᵀ: device.prepare([{ op: linearOp, attrs: { activation: "none" }, inputs: { x, weight }, outputs: { y } }]).run,
        g·W: device.prepare([
          { op: matmulOp, attrs: { transposeA: false, transposeB: false }, inputs: { a: y, b: weight }, outputs: { y: x } },
        ]).run,
        gᵀ·x: device.prepare([
          { op: matmulOp, attrs: { transposeA: true, transposeB: false }, inputs: { a: y, b: x }, outputs: { y: weight } },
        ]).run,
      },
      rounds,
    );
    const flop = (2 * rows * features * out) / 1e6;
    for (const [name, { median, fastest }] of Object.entries(times)) {
      const what = `${rows}×${features}×${out} ${name}, ${device.variant}`;
      report({ what, value: flop / median, fastest: flop / fastest, unit: "GFLOP/s" });
    }
    for (const { buffer } of [x, weight, y]) device.free(buffer);
  }
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
