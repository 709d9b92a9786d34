/** One op on a device, straight on its interface: tensors in one buffer, guarded on both sides, outputs filled with noise beforehand. */
import type { Device, PlannedTensor } from "../device.ts";
import { sizeOf } from "../dim.ts";
import { byteSize, viewArray } from "../dtype.ts";
import type { HostTensor, TensorType } from "../host.ts";
import type { AnyOp } from "../op.ts";
import type { AnyCase } from "./check-gradients.ts";

export interface RunSettings {
  /** Times the program runs; its inputs are written anew before each. */
  readonly runs: number;
  /** Inputs declared constant, so that kernels may repack them. */
  readonly constant?: boolean | undefined;
  /** Input that the first output is planned over. */
  readonly over?: string | undefined;
}

export interface CaseRun {
  /** Of each run, outputs by name. */
  readonly outputs: readonly Readonly<Record<string, HostTensor>>[];
  /** Bytes that no step may write and that changed: an input, or what lies beside a tensor. Empty is right. */
  readonly trespasses: readonly string[];
}

/** A NaN in f32 and an absurd number in i32: an element nobody writes, or a sum that begins here, shows. */
const NOISE = 0xff;
const GUARD = 0xa5;
const ALIGNMENT = 64;

/** Throws what the device throws. */
export async function runCase(device: Device, op: AnyOp, one: AnyCase, settings: RunSettings): Promise<CaseRun> {
  const given = Object.entries(one.inputs).filter((entry): entry is [string, HostTensor] => entry[1] !== undefined);
  const types = op.infer(one.inputs, one.attrs);
  const layout = planCase(op, given, types, settings);
  const buffer = device.allocate(layout.bytes);
  try {
    const image = new Uint8Array(layout.bytes).fill(GUARD);
    for (const name of op.outputs) image.fill(NOISE, layout.outputs[name]!.begin, layout.outputs[name]!.end);
    for (const [name, { data }] of given)
      image.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), layout.inputs[name]!.begin);
    device.write(buffer, image);
    const planned = (type: TensorType, { begin }: Place, constant: boolean): PlannedTensor => ({
      dtype: type.dtype,
      shape: type.shape as number[],
      buffer,
      offset: begin,
      constant,
    });
    const prepared = device.prepare([
      {
        op,
        attrs: one.attrs,
        inputs: Object.fromEntries(
          given.map(([name, tensor]) => [name, planned(tensor, layout.inputs[name]!, settings.constant === true)]),
        ),
        outputs: Object.fromEntries(op.outputs.map((name: string) => [name, planned(types[name]!, layout.outputs[name]!, false)])),
      },
    ]);
    const outputs: Record<string, HostTensor>[] = [];
    const trespasses = new Set<string>();
    for (let run = 0; run < settings.runs; run++) {
      device.write(buffer, image);
      await prepared.run();
      const bytes = await device.read(buffer, 0, layout.bytes);
      outputs.push(Object.fromEntries(op.outputs.map((name: string) => [name, tensorAt(bytes, types[name]!, layout.outputs[name]!)])));
      for (const name of changedOutside(image, bytes, layout)) trespasses.add(name);
    }
    prepared.dispose();
    return { outputs, trespasses: [...trespasses] };
  } finally {
    device.free(buffer);
  }
}

interface Place {
  readonly begin: number;
  readonly end: number;
}

interface Layout {
  readonly bytes: number;
  readonly inputs: Readonly<Record<string, Place>>;
  readonly outputs: Readonly<Record<string, Place>>;
}

/** Every tensor aligned, with at least a line of guard bytes before and after it. */
function planCase(
  op: AnyOp,
  given: readonly [string, HostTensor][],
  types: Readonly<Record<string, TensorType>>,
  { over }: RunSettings,
): Layout {
  let bytes = ALIGNMENT;
  const place = ({ dtype, shape }: TensorType): Place => {
    const begin = bytes;
    const end = begin + byteSize(dtype) * sizeOf(shape as number[]);
    bytes = (Math.ceil(end / ALIGNMENT) + 1) * ALIGNMENT;
    return { begin, end };
  };
  const inputs = Object.fromEntries(given.map(([name, tensor]) => [name, place(tensor)]));
  const outputs: Record<string, Place> = {};
  for (const name of op.outputs as readonly string[]) {
    const shared: string | undefined = op.updates?.[name] ?? (name === op.outputs[0] ? over : undefined);
    outputs[name] = shared === undefined ? place(types[name]!) : inputs[shared]!;
  }
  return { bytes, inputs, outputs };
}

function tensorAt(bytes: Uint8Array, { dtype, shape }: TensorType, { begin, end }: Place): HostTensor {
  return { dtype, shape: shape as number[], data: viewArray(dtype, bytes.slice(begin, end)) };
}

function changedOutside(before: Uint8Array, after: Uint8Array, layout: Layout): string[] {
  const writable = new Uint8Array(layout.bytes);
  for (const { begin, end } of Object.values(layout.outputs)) writable.fill(1, begin, end);
  const names: string[] = [];
  for (let at = 0; at < layout.bytes; at++) {
    if (writable[at] === 1 || before[at] === after[at]) continue;
    const input = Object.entries(layout.inputs).find(([, { begin, end }]) => at >= begin && at < end);
    names.push(input === undefined ? besides(layout, at) : `input ${input[0]}`);
  }
  return [...new Set(names)];
}

function besides({ inputs, outputs }: Layout, at: number): string {
  const before = Object.entries({ ...inputs, ...outputs })
    .filter(([, { end }]) => end <= at)
    .sort(([, a], [, b]) => b.end - a.end)[0];
  return before === undefined ? "memory before the first tensor" : `memory past ${before[0]}`;
}
