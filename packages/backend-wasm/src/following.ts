/** Norms that the product before them applies to the rows it completes. */
import { byteSize, layerNormOp, rmsNormOp, sizeOf, type Kernel, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { normKernels } from "./kernels/norm.ts";
import type { WasmTypes } from "./types.ts";

const NORMS: readonly string[] = [layerNormOp.name, rmsNormOp.name];

/**
 * What `normalise` of `kernels/assembly/lib/norm.ts` reads, 16 bytes: how far the norm's output lies from the product's, weight, bias or 0, ε.
 * Undefined: `next` is no norm of the step's only output, or writes where the step still reads.
 *
 * @param kernel of `next`; one that a pack brings is left to run by itself.
 */
export function normAfter(
  step: ProgramStep,
  next: ProgramStep | undefined,
  kernel: Kernel<WasmTypes> | undefined,
): Uint8Array<ArrayBuffer> | undefined {
  if (next === undefined || kernel === undefined || !NORMS.includes(next.op.name) || !normKernels.includes(kernel)) return undefined;
  const [made, ...others] = Object.values(step.outputs);
  const { x, weight, bias } = next.inputs;
  const to = next.outputs["y"]!;
  if (others.length > 0 || made === undefined || made.dtype !== "f32" || !sameTensor(made, x!)) return undefined;
  if ([made, ...Object.values(step.inputs)].some((read) => read !== undefined && overlap(read, to))) return undefined;
  const description = new DataView(new ArrayBuffer(16));
  [addressOf(to) - addressOf(made), addressOf(weight!), bias === undefined ? 0 : addressOf(bias)].forEach((value, i) =>
    description.setUint32(4 * i, value, true),
  );
  description.setFloat32(12, next.attrs["epsilon"] as number, true);
  return new Uint8Array(description.buffer);
}

export function addressOf({ buffer, offset }: PlannedTensor): number {
  return (buffer.handle as number) + offset;
}

export function bytesOf({ dtype, shape }: PlannedTensor): number {
  return sizeOf(shape) * byteSize(dtype);
}

function sameTensor(a: PlannedTensor, b: PlannedTensor): boolean {
  return addressOf(a) === addressOf(b) && a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
}

function overlap(a: PlannedTensor, b: PlannedTensor): boolean {
  return addressOf(a) < addressOf(b) + bytesOf(b) && addressOf(b) < addressOf(a) + bytesOf(a);
}
