/**
 * One token through linear layers of 768→3072, a new weight each time, all of them together larger than a last-level cache: f32 beside
 * a loop in WebAssembly that does nothing but read as many bytes in four streams; int4 in groups of 32 and int8 by rows, with activations as
 * they are and rounded to int8, f16 and bf16 beside f32.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/decode.ts [rounds] [MB of weights] [--smoke]
 */
import { compileString } from "assemblyscript/asc";
import {
  linearAffineInt8Op,
  linearAffineOp,
  linearHalfOp,
  linearOp,
  type Device,
  type DType,
  type PlannedTensor,
  type ProgramStep,
} from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { openWasm } from "../src/index.ts";

const [rounds = smoke ? 2 : 41, megabytes = smoke ? 1 : 96] = numbers;
const [FEATURES, OUT, GROUP] = smoke ? [64, 96, 32] : [768, 3072, 32];

/** Sums of four quarters, so that no read can be left out. */
const READ = `
  export function read(from: usize, bytes: i32): f32 {
    const quarter = <usize>(bytes >> 2);
    let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    const end = from + quarter;
    let p = from, q = p + quarter, r = q + quarter, s = r + quarter;
    while (p < end) {
      a = f32x4.add(a, v128.load(p));
      b = f32x4.add(b, v128.load(p, 16));
      c = f32x4.add(c, v128.load(q));
      d = f32x4.add(d, v128.load(q, 16));
      e = f32x4.add(e, v128.load(r));
      f = f32x4.add(f, v128.load(r, 16));
      g = f32x4.add(g, v128.load(s));
      h = f32x4.add(h, v128.load(s, 16));
      p += 32;
      q += 32;
      r += 32;
      s += 32;
    }
    a = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h)));
    return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3);
  }`;

const bytes = 4 * FEATURES * OUT;
const count = Math.ceil((megabytes * 1e6) / bytes);
const read = await readLoop();
for (const portable of [true, false]) {
  const device = await openWasm({ portable });
  const x = place(device, "f32", [1, FEATURES]);
  const y = place(device, "f32", [1, OUT]);
  const weights = Array.from({ length: count }, () => place(device, "f32", [OUT, FEATURES]));
  const f32 = weights.map((weight): ProgramStep => ({
    op: linearOp,
    attrs: { activation: "none" },
    inputs: { x, weight },
    outputs: { y },
  }));
  // Eight times as many, since they are an eighth of the size.
  const codes = Array.from({ length: 8 * count }, () => ({
    codes: place(device, "u8", [OUT, FEATURES / 2]),
    scales: place(device, "f32", [OUT, FEATURES / GROUP]),
  }));
  const attrs = { activation: "none", bits: 4, features: FEATURES, groupSize: GROUP };
  const affine = (op: typeof linearAffineOp | typeof linearAffineInt8Op): ProgramStep[] =>
    codes.map((parts): ProgramStep => ({ op, attrs, inputs: { x, ...parts }, outputs: { y } }));
  const bytesOfRows = Array.from({ length: 4 * count }, () => ({
    codes: place(device, "u8", [OUT, FEATURES]),
    scales: place(device, "f32", [OUT, 1]),
  }));
  const int8 = (op: typeof linearAffineOp | typeof linearAffineInt8Op): ProgramStep[] =>
    bytesOfRows.map((parts): ProgramStep => ({
      op,
      attrs: { ...attrs, bits: 8, groupSize: FEATURES },
      inputs: { x, ...parts },
      outputs: { y },
    }));
  const halves = Array.from({ length: 2 * count }, () => place(device, "u8", [OUT, 2 * FEATURES]));
  const half = (format: "f16" | "bf16"): ProgramStep[] =>
    halves.map((halves): ProgramStep => ({
      op: linearHalfOp,
      attrs: { activation: "none", format, features: FEATURES },
      inputs: { x, halves },
      outputs: { y },
    }));
  const times = await interleave(
    {
      read: rotating(Array.from({ length: count }, (_, i) => () => read(i))),
      f32: rotating(f32.map((step) => device.prepare([step]).run)),
      f16: rotating(half("f16").map((step) => device.prepare([step]).run)),
      bf16: rotating(
        half("bf16").map((step) => device.prepare([step]).run),
        "middle",
      ),
      int8: rotating(int8(linearAffineOp).map((step) => device.prepare([step]).run)),
      roundedInt8: rotating(
        int8(linearAffineInt8Op).map((step) => device.prepare([step]).run),
        "middle",
      ),
      int4: rotating(affine(linearAffineOp).map((step) => device.prepare([step]).run)),
      rounded: rotating(
        affine(linearAffineInt8Op).map((step) => device.prepare([step]).run),
        "middle",
      ),
    },
    rounds * count,
  );
  const [shape, { variant }] = [`1×${FEATURES}×${OUT}`, device];
  const ratio = (what: string, of: keyof typeof times, to: keyof typeof times, least?: number): void =>
    report({
      what: `${shape} ${what}, ${variant}`,
      value: times[to].median / times[of].median,
      fastest: times[to].fastest / times[of].fastest,
      unit: "×",
      target: least === undefined ? undefined : { least },
    });
  report({
    what: `read loop beside ${variant}`,
    value: bytes / times.read.median / 1e6,
    fastest: bytes / times.read.fastest / 1e6,
    unit: "GB/s",
  });
  ratio("f32 to the read loop", "f32", "read", 0.9);
  ratio("f16 to f32", "f16", "f32");
  ratio("bf16 to f32", "bf16", "f32");
  ratio("int8 to f32", "int8", "f32");
  ratio("int8 with rounded activations to f32", "roundedInt8", "f32");
  ratio("int4 to f32", "int4", "f32");
  ratio("int4 with rounded activations to f32", "rounded", "f32", portable ? 1.4 : 1.8);
  await device.close();
}

/** The next of them at each call. What reads the same weights as another begins in their middle: it would find them in the cache. */
function rotating(runs: readonly (() => unknown)[], begin: "first" | "middle" = "first"): () => Promise<void> {
  let next = begin === "first" ? 0 : runs.length >> 1;
  return async () => void (await runs[next++ % runs.length]!());
}

async function readLoop(): Promise<(index: number) => number> {
  const { binary, stderr } = await compileString(READ, { optimizeLevel: 3, runtime: "stub", importMemory: true, enable: ["simd"] });
  if (binary === null) throw new Error(stderr.toString());
  const memory = new WebAssembly.Memory({ initial: Math.ceil((bytes * count) / 65536) + 1 });
  new Float32Array(memory.buffer).fill(1e-9);
  const instance = await WebAssembly.instantiate(new WebAssembly.Module(binary as BufferSource), { env: { memory } });
  const run = instance.exports["read"] as (from: number, bytes: number) => number;
  return (index) => run(1024 + index * bytes, bytes);
}

function place(device: Device, dtype: DType, shape: readonly [number, number]): PlannedTensor {
  const size = shape[0] * shape[1];
  const buffer = device.allocate(dtype === "u8" ? size : 4 * size);
  const values = dtype === "u8" ? new Uint8Array(size) : new Float32Array(size);
  // Bytes below 64: as 16-bit floats they are in their usual range.
  for (let i = 0; i < size; i++) values[i] = dtype === "u8" ? 32 + ((i * 7919) % 29) : ((i * 7919) % 251) / 251 - 0.5;
  device.write(buffer, values);
  return { dtype, shape, buffer, offset: 0, constant: true };
}
