/** Which positions of a padded batch count. */
import { dim, f32, sameDim, type HostTensor, type Tracer, type Value } from "@pare/tensor-core";
import { batchTensors, planSorted } from "../batches.ts";
import { rowsOf, type Sequence } from "../sequence.ts";
import type { Subject } from "../subject.ts";

const MASK = "calibration/mask";
const SOURCE_MASK = "calibration/sourceMask";

/**
 * Batches in the order of length: what `batchTensors` gives, and f32 masks `[batch, seq]` and, with sources, `[batch, sourceSeq]` of the
 * positions that count: all that a sequence reads, padding alone left out.
 */
export function maskedBatches(subject: Subject, sequences: readonly Sequence[], size: number): Readonly<Record<string, HostTensor>>[] {
  return planSorted(sequences, size).map((indices) => {
    const chosen = indices.map((index) => sequences[index]);
    const { inputs } = batchTensors(subject, chosen);
    const rows = chosen.flatMap(rowsOf);
    const lengths = rows.map(({ tokens }) => tokens.length);
    const masked = { ...inputs, [MASK]: maskFor(lengths, inputs["tokens"].shape) };
    const { source } = inputs;
    if (source === undefined) return masked;
    const sourceLengths = rows.map((row) => row.source!.length);
    return { ...masked, [SOURCE_MASK]: maskFor(sourceLengths, source.shape) };
  });
}

function maskFor(lengths: readonly number[], [rows, width]: readonly number[]): HostTensor {
  const data = new Float32Array(rows * width);
  lengths.forEach((length, row) => data.fill(1, row * width, row * width + length));
  return f32([rows, width], data);
}

/** The mask `[batch, positions]` that belongs to a value `[batch, seq or sourceSeq, …]`, and its name. */
export function maskOf({ shape: [batch, positions] }: Value, tracer: Tracer): { readonly name: string; readonly value: Value } {
  const name = sameDim(positions, dim("sourceSeq")) ? SOURCE_MASK : MASK;
  return { name, value: tracer.input(name, "f32", [batch, positions]) };
}

/** Positions that a mask of this name counts in all batches together. */
export function countPositions(batches: readonly Readonly<Record<string, HostTensor>>[], mask: string): number {
  let count = 0;
  for (const batch of batches) for (const one of batch[mask].data as Float32Array) count += one;
  return count;
}
