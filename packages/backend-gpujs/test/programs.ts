/** Programs whose tensors lie over each other in one buffer, as an arena's do, with writes and reads in between. */
import {
  absOp,
  addOp,
  mulOp,
  openReference,
  randomWords,
  transposeOp,
  type Device,
  type DeviceBuffer,
  type PlannedTensor,
  type ProgramStep,
} from "@pare/tensor-core";

const BYTES = 2048;

/** First byte at which the device and the reference differ by more than rounding after one of many programs; none: −1. Closes the device. */
export async function compareMemory(device: Device, seed: number, rounds: number): Promise<number> {
  const draw = draws(seed);
  const pair = [device, openReference()].map((each) => ({ device: each, buffer: each.allocate(BYTES) }));
  try {
    for (let round = 0; round < rounds; round++) {
      const data = Float32Array.from({ length: 1 + draw(60) }, () => draw(9) - 4);
      const offset = 64 * draw((BYTES - data.byteLength) / 64);
      const plan = Array.from({ length: 1 + draw(6) }, () => stepFrom(draw));
      for (const { device: each, buffer } of pair) {
        each.write(buffer, data, offset);
        // The upper bytes of a float: it becomes 2, more or less.
        if (round % 3 === 0) each.write(buffer, Uint8Array.of(0, 0, 64), 4 * draw.peek(BYTES / 4 - 1) + 1);
        const program = each.prepare(plan.map((step) => step(buffer)));
        await program.run();
        program.dispose();
      }
      const [found, expected] = await Promise.all(pair.map(({ device: each, buffer }) => each.read(buffer, 0, BYTES)));
      const at = firstDifference(found!, expected!);
      if (at !== -1) return at;
    }
    return -1;
  } finally {
    for (const { device: each, buffer } of pair) each.free(buffer);
    await device.close();
  }
}

interface Draw {
  (below: number): number;
  /** The same number until the next draw. */
  readonly peek: (below: number) => number;
}

function draws(seed: number): Draw {
  const words = randomWords(seed, 0, 100_000);
  let at = 0;
  return Object.assign((below: number) => (words[at++]! % below) | 0, { peek: (below: number) => (words[at]! % below) | 0 });
}

function stepFrom(draw: Draw): (buffer: DeviceBuffer) => ProgramStep {
  const [rows, columns] = [1 + draw(6), 1 + draw(20)];
  const offsets = Array.from({ length: 3 }, () => 64 * draw((BYTES - 4 * rows * columns) / 64));
  const kind = draw(3);
  return (buffer) => {
    const [a, b, y] = offsets.map((offset): PlannedTensor => ({ dtype: "f32", shape: [rows, columns], buffer, offset, constant: false }));
    if (kind === 0) {
      const inputs = { x: { ...a!, shape: [columns, rows] } };
      return { op: transposeOp, attrs: { axes: [1, 0] }, inputs, outputs: { y: y! } };
    }
    return { op: kind === 1 ? addOp : mulOp, attrs: {}, inputs: { a: a!, b: b! }, outputs: { y: y! } };
  };
}

function firstDifference(found: Uint8Array, expected: Uint8Array): number {
  const [a, b] = [found, expected].map(({ buffer }) => new Float32Array(buffer)) as [Float32Array, Float32Array];
  const differ = (i: number): boolean => {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) return false;
    // GPUs take the smallest numbers for 0.
    return !(Math.abs(a[i]! - b[i]!) <= 1e-5 * Math.abs(b[i]!) + 1e-36);
  };
  const at = b.findIndex((_, i) => differ(i));
  return at === -1 ? -1 : 4 * at;
}

/** Absolute values of what it was given, in place the second time, of 3 elements and of 40: [1, 1] by each run. Closes the device. */
export async function absoluteTwice(device: Device, runs: number, afterEach: (run: number) => void = () => undefined): Promise<number[][]> {
  const buffer = device.allocate(BYTES);
  const tensor = (size: number, offset: number): PlannedTensor => ({ dtype: "f32", shape: [size], buffer, offset, constant: false });
  const absolute = (x: PlannedTensor, y: PlannedTensor): ProgramStep => ({ op: absOp, attrs: {}, inputs: { x }, outputs: { y } });
  const [short, long] = [tensor(3, 256), tensor(40, 512)];
  const program = device.prepare([
    absolute(tensor(3, 0), short),
    absolute(short, short),
    absolute(tensor(40, 0), long),
    absolute(long, long),
  ]);
  const found: number[][] = [];
  for (let run = 0; run < runs; run++) {
    device.write(buffer, new Float32Array(40).fill(-1));
    await program.run();
    found.push(
      await Promise.all(
        [short, long].map(async ({ offset, shape }) => new Float32Array((await device.read(buffer, offset, 4 * shape[0]!)).buffer).at(-1)!),
      ),
    );
    afterEach(run);
  }
  program.dispose();
  device.free(buffer);
  await device.close();
  return found;
}
