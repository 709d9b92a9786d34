/** What the device interface promises apart from any one op. */
import { isPareError } from "@pare/core";
import type { Device, DeviceBuffer, PlannedTensor } from "../device.ts";
import { viewArray } from "../dtype.ts";
import { conformanceFailed, deviceMemoryExceeded } from "../errors.ts";
import { addOp, mulOp } from "../ops/binary.ts";

export interface DeviceTest {
  readonly name: string;
  readonly run: (device: Device) => Promise<void>;
}

export function deviceTests(): DeviceTest[] {
  return [
    { name: "device: memory is zeroed, also when it was used before", run: zeroed },
    { name: "device: what is written is read, at any offset", run: roundTrip },
    { name: "device: more than its memory is refused with a code", run: refusal },
    { name: "device: steps run in order and see each other's results", run: order },
    { name: "device: programs stand beside each other", run: beside },
  ];
}

async function zeroed(device: Device): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const buffer = device.allocate(4096);
    const bytes = await device.read(buffer, 0, 4096);
    check(
      device,
      bytes.every((byte) => byte === 0),
      "allocated memory is not zero",
    );
    device.write(buffer, new Uint8Array(4096).fill(255));
    device.free(buffer);
  }
}

async function roundTrip(device: Device): Promise<void> {
  const buffer = device.allocate(300);
  const data = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) % 256);
  device.write(buffer, data);
  device.write(buffer, Float32Array.of(1.5, -2), 64);
  const bytes = await device.read(buffer, 60, 20);
  const expected = [...data.subarray(60, 64), ...new Uint8Array(Float32Array.of(1.5, -2).buffer), ...data.subarray(72, 80)];
  check(device, bytes.length === 20 && bytes.every((byte, i) => byte === expected[i]), "bytes read differ from those written");
  bytes.fill(0);
  const again = await device.read(buffer, 60, 20);
  check(
    device,
    again.every((byte, i) => byte === expected[i]),
    "what read gives is not a copy",
  );
  device.free(buffer);
}

async function refusal(device: Device): Promise<void> {
  try {
    device.free(device.allocate(device.memoryLimit + 1));
  } catch (error) {
    check(device, isPareError(error) && error.code === deviceMemoryExceeded.code, `the refusal is ${String(error)}`);
    const after = device.allocate(64);
    device.free(after);
    return;
  }
  check(device, false, "more than memoryLimit was given");
}

async function order(device: Device): Promise<void> {
  const buffer = device.allocate(512);
  device.write(buffer, Float32Array.of(1, 2, 3), 0);
  const [a, b, c] = [0, 64, 128].map((offset) => tensor(buffer, offset)) as [PlannedTensor, PlannedTensor, PlannedTensor];
  const prepared = device.prepare([
    { op: addOp, attrs: {}, inputs: { a, b: a }, outputs: { y: b } },
    { op: mulOp, attrs: {}, inputs: { a: b, b }, outputs: { y: c } },
    { op: addOp, attrs: {}, inputs: { a: c, b: a }, outputs: { y: b } },
  ]);
  for (let run = 0; run < 2; run++) {
    await prepared.run();
    await expectNumbers(device, b, [5, 18, 39]);
  }
  prepared.dispose();
  device.free(buffer);
}

async function beside(device: Device): Promise<void> {
  const buffer = device.allocate(512);
  device.write(buffer, Float32Array.of(1, 2, 3), 0);
  const [a, b, c] = [0, 64, 128].map((offset) => tensor(buffer, offset)) as [PlannedTensor, PlannedTensor, PlannedTensor];
  const double = device.prepare([{ op: addOp, attrs: {}, inputs: { a, b: a }, outputs: { y: b } }]);
  const square = device.prepare([{ op: mulOp, attrs: {}, inputs: { a: b, b }, outputs: { y: c } }]);
  await double.run();
  await square.run();
  double.dispose();
  device.write(buffer, Float32Array.of(-1, 0, 4), 64);
  await square.run();
  await expectNumbers(device, c, [1, 0, 16]);
  square.dispose();
  device.free(buffer);
}

function tensor(buffer: DeviceBuffer, offset: number): PlannedTensor {
  return { dtype: "f32", shape: [3], buffer, offset, constant: false };
}

async function expectNumbers(device: Device, { buffer, offset }: PlannedTensor, expected: readonly number[]): Promise<void> {
  const found = viewArray("f32", await device.read(buffer, offset, 4 * expected.length)) as Float32Array;
  check(
    device,
    expected.every((number, i) => found[i] === number),
    `found [${found.join(", ")}], not [${expected.join(", ")}]`,
  );
}

function check(device: Device, holds: boolean, what: string): void {
  if (!holds) throw conformanceFailed({ device: `${device.backend} (${device.variant})`, test: "device", what });
}
