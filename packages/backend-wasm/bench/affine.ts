/**
 * Linear layers over f32, int8 and int4 weights (groups of 32), activations as they are or rounded to int8, taking turns: GMAC/s, one thread.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/affine.ts [rounds] [--smoke]
 */
import {
  linearAffineInt8Op,
  linearAffineOp,
  linearOp,
  type Device,
  type DType,
  type PlannedTensor,
  type ProgramStep,
} from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { openWasm } from "../src/index.ts";

const rounds = numbers[0] ?? (smoke ? 1 : 41);
const GROUP = 32;
/** [tokens, in, out] */
const SHAPES: readonly (readonly [number, number, number])[] = smoke
  ? [[8, 64, 96]]
  : [
      [1, 768, 3072],
      [1, 4096, 4096],
      [8, 768, 3072],
      [128, 768, 3072],
    ];

for (const portable of [true, false]) {
  const device = await openWasm({ portable });
  for (const [rows, features, out] of SHAPES) {
    const x = place(device, "f32", [rows, features]);
    const y = place(device, "f32", [rows, out]);
    const scales = place(device, "f32", [out, features / GROUP]);
    const steps: Record<string, ProgramStep> = {
      f32: { op: linearOp, attrs: { activation: "none" }, inputs: { x, weight: place(device, "f32", [out, features]) }, outputs: { y } },
    };
    for (const bits of [8, 4] as const) {
      const codes = place(device, "u8", [out, (features * bits) / 8]);
      const attrs = { activation: "none", bits, features, groupSize: GROUP };
      steps[`int${bits}`] = { op: linearAffineOp, attrs, inputs: { x, codes, scales }, outputs: { y } };
      steps[`int${bits} over int8`] = { op: linearAffineInt8Op, attrs, inputs: { x, codes, scales }, outputs: { y } };
    }
    const times = await interleave(
      Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, device.prepare([step]).run])),
      rounds,
    );
    const macs = (rows * features * out) / 1e6;
    for (const [name, { median, fastest }] of Object.entries(times)) {
      const what = `${rows}×${features}×${out} ${name}, ${device.variant}`;
      report({ what, value: macs / median, fastest: macs / fastest, unit: "GMAC/s" });
    }
  }
}

function place(device: Device, dtype: DType, shape: readonly [number, number]): PlannedTensor {
  const size = shape[0] * shape[1];
  const buffer = device.allocate(dtype === "u8" ? size : 4 * size);
  const values = Array.from({ length: size }, (_, i) => (i * 7919) % 251);
  device.write(buffer, dtype === "u8" ? Uint8Array.from(values) : Float32Array.from(values, (value) => value / 251 - 0.5));
  return { dtype, shape, buffer, offset: 0, constant: false };
}
