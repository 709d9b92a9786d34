/** A norm that follows a linear layer gives the bytes it gives by itself: a device may begin with the rows that the layer has finished. */
import type { Device, PlannedTensor, ProgramStep } from "../device.ts";
import { byteSize } from "../dtype.ts";
import { conformanceFailed } from "../errors.ts";
import { sizeOf } from "../dim.ts";
import type { HostTensor, TensorType } from "../host.ts";
import type { AnyOp } from "../op.ts";
import { layerNormOp } from "../ops/layer-norm.ts";
import { rmsNormOp } from "../ops/rms-norm.ts";
import { sampler } from "../ops/support/cases.ts";
import type { AnyCase } from "./check-gradients.ts";

/** Throws `tensor-core/conformance-failed`. */
export async function checkFollowing(device: Device, op: AnyOp, one: AnyCase): Promise<void> {
  const ways = [
    { what: "a layer norm", norm: layerNormOp, over: undefined },
    { what: "an RMS norm that writes over the residual", norm: rmsNormOp, over: "residual" },
  ] as const;
  for (const { what, norm, over } of ways) {
    const [alone, after] = [
      await outcome(device, { op, one, norm, over, apart: true }),
      await outcome(device, { op, one, norm, over, apart: false }),
    ];
    if (alone.every((byte, i) => byte === after[i])) continue;
    const test = `${op.name}: ${one.name}`;
    throw conformanceFailed({
      device: `${device.backend} (${device.variant})`,
      test,
      what: `${what} gives other bytes after it than by itself`,
    });
  }
}

interface Following {
  readonly op: AnyOp;
  readonly one: AnyCase;
  readonly norm: AnyOp;
  /** Input of the layer where the norm writes. */
  readonly over: string | undefined;
  /** In a program of its own. */
  readonly apart: boolean;
}

/** All memory after a run, so that nothing else may change either. */
async function outcome(device: Device, { op, one, norm, over, apart }: Following): Promise<Uint8Array> {
  const made = op.infer(one.inputs, one.attrs)[op.outputs[0]!]!;
  const { f32 } = sampler("following");
  const given = entriesOf(one.inputs);
  const shared = norm.inputs.slice(1).map((name): [string, HostTensor] => [`norm ${name}`, f32([made.shape.at(-1) as number])]);
  const arena = layOut([...given, ...shared, ["made", made], ["normal", made]]);
  const buffer = device.allocate(arena.bytes);
  const planned = (name: string, { dtype, shape }: TensorType): PlannedTensor => {
    return { dtype, shape: shape as number[], buffer, offset: arena.offsets.get(name)!, constant: false };
  };
  try {
    for (const [name, { data }] of [...given, ...shared]) device.write(buffer, data, arena.offsets.get(name)!);
    const product: ProgramStep = {
      op,
      attrs: one.attrs,
      inputs: Object.fromEntries(given.map(([name, tensor]) => [name, planned(name, tensor)])),
      outputs: { [op.outputs[0]!]: planned("made", made) },
    };
    const normal: ProgramStep = {
      op: norm,
      attrs: { epsilon: 1e-5 },
      inputs: { x: planned("made", made), ...Object.fromEntries(shared.map(([name, tensor]) => [name.slice(5), planned(name, tensor)])) },
      outputs: { y: planned(over ?? "normal", made) },
    };
    const programs = (apart ? [[product], [normal]] : [[product, normal]]).map((steps) => device.prepare(steps));
    for (const program of programs) await program.run();
    for (const program of programs) program.dispose();
    return await device.read(buffer, 0, arena.bytes);
  } finally {
    device.free(buffer);
  }
}

function entriesOf(inputs: AnyCase["inputs"]): [string, HostTensor][] {
  return Object.entries(inputs).filter((entry): entry is [string, HostTensor] => entry[1] !== undefined);
}

function layOut(tensors: readonly (readonly [string, TensorType])[]): {
  readonly bytes: number;
  readonly offsets: ReadonlyMap<string, number>;
} {
  let bytes = 0;
  const offsets = new Map<string, number>();
  for (const [name, { dtype, shape }] of tensors) {
    offsets.set(name, bytes);
    bytes += Math.ceil((byteSize(dtype) * sizeOf(shape as number[])) / 64) * 64;
  }
  return { bytes, offsets };
}
