/** Batches of rows of like length: little padding, few shapes, and an order that seed and epoch alone decide. */
import { bucketWidth, padRows } from "@pare/models";
import { fork, i32, shuffled, type HostTensor, type Seed } from "@pare/tensor-core";
import type { Sequence } from "./encode.ts";

/** Sequences are sorted by length among so many batches at a time: enough for little padding, few enough to stay shuffled. */
const BATCHES_PER_SORT = 32;

/**
 * The batches of one epoch as indices: every sequence once, all batches of `size` but the last ones.
 * Shuffled, then sorted by length within large pieces, then the batches shuffled.
 */
export function planEpoch(sequences: readonly Sequence[], size: number, seed: Seed, epoch: number): readonly (readonly number[])[] {
  const key = fork(seed, "batches");
  const order = shuffled(key, 2 * epoch, sequences.length);
  const batches: number[][] = [];
  for (let begin = 0; begin < order.length; begin += size * BATCHES_PER_SORT) {
    const piece = Array.from(order.subarray(begin, begin + size * BATCHES_PER_SORT));
    piece.sort((a, b) => byLength(sequences[a], sequences[b]));
    for (let at = 0; at < piece.length; at += size) batches.push(piece.slice(at, at + size));
  }
  return Array.from(shuffled(key, 2 * epoch + 1, batches.length), (index) => batches[index]);
}

/** Batches in the order of length, for passes that need no chance: calibration, evaluation. */
export function planSorted(sequences: readonly Sequence[], size: number): readonly (readonly number[])[] {
  const order = sequences.map((_, index) => index).sort((a, b) => byLength(sequences[a], sequences[b]));
  const batches: number[][] = [];
  for (let at = 0; at < order.length; at += size) batches.push(order.slice(at, at + size));
  return batches;
}

export interface BatchTensors {
  /** What `declareInputs` of models declares, and `targets` i32 `[batch, seq]` with −1 where nothing is predicted. */
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Predicted tokens. */
  readonly predictions: number;
}

/**
 * The run-time inputs of one batch. Position i predicts token i + 1.
 *
 * @param rows fill up to this many with rows that predict nothing, so that a short last batch needs no executable of its own.
 */
export function batchTensors(sequences: readonly Sequence[], rows: number = sequences.length): BatchTensors {
  const filler: Sequence = { tokens: [0, 0], source: sequences[0].source === undefined ? undefined : [0], start: 2 };
  const all = [...sequences, ...Array.from({ length: rows - sequences.length }, () => filler)];
  const width = widthFor(Math.max(...all.map(({ tokens }) => tokens.length - 1)));
  const sources = all[0].source === undefined ? undefined : all.map(({ source }) => source!);
  const sourceWidth = sources === undefined ? undefined : widthFor(Math.max(...sources.map((source) => source.length)));
  const targets = new Int32Array(all.length * width).fill(-1);
  let predictions = 0;
  sequences.forEach(({ tokens, start }, row) => {
    for (let i = start; i < tokens.length; i++) targets[row * width + i - 1] = tokens[i];
    predictions += predictionsOf({ tokens, start });
  });
  const padded = padRows(
    all.map(({ tokens }) => tokens.slice(0, -1)),
    sources,
    { width, sourceWidth },
  );
  return { inputs: { ...padded, targets: i32([all.length, width], targets) }, predictions };
}

/** Tokens of a sequence that are predicted. */
export function predictionsOf({ tokens, start }: Pick<Sequence, "tokens" | "start">): number {
  return tokens.length - start;
}

/** Widths four apart while rows are short: little padding, and few enough programs. */
function widthFor(length: number): number {
  return length <= 32 ? 4 * Math.ceil(length / 4) : bucketWidth(length);
}

function byLength(a: Sequence, b: Sequence): number {
  return a.tokens.length - b.tokens.length || (a.source?.length ?? 0) - (b.source?.length ?? 0);
}
