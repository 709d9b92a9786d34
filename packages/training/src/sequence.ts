/** What training, calibration and evaluation run: an example as rows of tokens, and what has to be said of it. */
import type { Example } from "./data/data.ts";
import type { Written } from "./encode.ts";

/** One row of tokens as a model reads it. */
export interface Row {
  /** A decoder's begin token first, an encoder's with its marks. At least one. */
  readonly tokens: readonly number[];
  /** Encoder–decoder: what the encoder reads. */
  readonly source?: readonly number[] | undefined;
  /** By name, a number per token: the model's `tokenInputs` and those of the objective. What is left out has what the input says. */
  readonly extra?: Readonly<Record<string, readonly number[]>> | undefined;
}

/** One example. In which form it holds what is wanted, the model's task says (`TargetForm`). */
export interface Sequence extends Row {
  /** Classes: one per token, per row, or per row of the example; −1 where nothing is wanted. */
  readonly targets: readonly number[];
  /** Numbers that are wanted in place of classes. */
  readonly numbers?: readonly number[] | undefined;
  /** Further rows that belong to the example: the other choices, the other half of a pair. */
  readonly others?: readonly Row[] | undefined;
  /** Where its example stands, for messages. */
  readonly place?: Example["place"];
}

/** All rows of an example, its own first. */
export function rowsOf(sequence: Sequence): readonly Row[] {
  return [sequence, ...(sequence.others ?? [])];
}

/** Rows of the sequence that has most. */
export function mostRows(sequences: readonly Sequence[]): number {
  return sequences.reduce((most, sequence) => Math.max(most, rowsOf(sequence).length), 1);
}

/** What is predicted of an example: the loss of a batch is the mean over these. */
export function predictionsOf({ targets, numbers }: Pick<Sequence, "targets" | "numbers">): number {
  if (numbers !== undefined) return numbers.length;
  let count = 0;
  for (const target of targets) if (target >= 0) count++;
  return count;
}

/** A row that is written token by token: position i reads token i and predicts token i + 1, from `start` on. */
export function writtenSequence({ tokens, source, start }: Written): Sequence {
  const targets = tokens.slice(1).map((token, index) => (index + 1 < start ? -1 : token));
  return { tokens: tokens.slice(0, -1), source, targets };
}
