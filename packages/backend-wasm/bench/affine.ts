/**
 * Linear layers over f32, int8 and int4 weights (groups of 32) in one run: GMAC/s, best of rounds that take turns, one thread.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/affine.ts [seconds per shape]
 */
import { linearAffineOp, linearOp, type Device, type DType, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { openWasm } from "../src/index.ts";
import { VARIANTS } from "../src/variants.ts";

const seconds = Number(process.argv[2] ?? 2);
const GROUP = 32;

for (const { portable } of VARIANTS) {
  const device = await openWasm({ portable });
  for (const [rows, features, out] of [
    [1, 768, 3072],
    [1, 4096, 4096],
    [8, 768, 3072],
    [128, 768, 3072],
  ] as const) {
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
    }
    const times = best(device, steps);
    const rates = Object.entries(times).map(([name, ms]) => `${name} ${((rows * features * out) / ms / 1e6).toFixed(2)}`);
    console.log(`${device.variant.padEnd(13)} ${`${rows}×${features}×${out}`.padEnd(14)} ${rates.join("  ")} GMAC/s`);
  }
}

function best(device: Device, steps: Readonly<Record<string, ProgramStep>>): Record<string, number> {
  const programs = Object.entries(steps).map(([name, step]) => ({ name, program: device.prepare([step]) }));
  const least: Record<string, number> = {};
  for (const until = performance.now() + seconds * 1000; performance.now() < until;) {
    for (const { name, program } of programs) {
      const before = performance.now();
      void program.run();
      least[name] = Math.min(least[name] ?? Infinity, performance.now() - before);
    }
  }
  for (const { program } of programs) program.dispose();
  return least;
}

function place(device: Device, dtype: DType, shape: readonly [number, number]): PlannedTensor {
  const size = shape[0] * shape[1];
  const buffer = device.allocate(dtype === "u8" ? size : 4 * size);
  const values = Array.from({ length: size }, (_, i) => (i * 7919) % 251);
  device.write(buffer, dtype === "u8" ? Uint8Array.from(values) : Float32Array.from(values, (value) => value / 251 - 0.5));
  return { dtype, shape, buffer, offset: 0, constant: false };
}
