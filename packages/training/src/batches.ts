/** Batches of rows of like length: little padding, few shapes, and an order that seed and epoch alone decide. */
import { bucketWidth, contextOf, padRows, type ExtraRows, type TokenInput } from "@pare/models";
import { f32, fork, i32, shuffled, type HostTensor, type Seed } from "@pare/tensor-core";
import { exampleTooLong } from "./errors.ts";
import { predictionsOf, rowsOf, type Row, type Sequence } from "./sequence.ts";
import type { Subject } from "./subject.ts";
import { formOf } from "./tasks/index.ts";
import { COUNTED, EXAMPLE, PLACE, TARGETS, type TargetForm } from "./tasks/task.ts";

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
  /** What `declareInputs` of models declares, and the targets in the form that the model's task says (`TargetForm`). */
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Predicted tokens, labels, places, numbers. */
  readonly predictions: number;
}

export interface BatchOptions {
  /** Fill up to this many with rows that predict nothing, so that a short last batch needs no executable of its own. */
  readonly rows?: number | undefined;
  /** Numbers per token that an objective reads besides the model's own. */
  readonly inputs?: readonly TokenInput[] | undefined;
}

/**
 * The run-time inputs of one batch, each row of each sequence a row.
 *
 * @throws `training/example-too-long` for a row that the model's positions do not reach.
 */
export function batchTensors(subject: Subject, sequences: readonly Sequence[], options: BatchOptions = {}): BatchTensors {
  const { architecture, checkpoint } = subject;
  const own = sequences.flatMap(rowsOf);
  const filler: Row = { tokens: [0], source: own[0].source === undefined ? undefined : [0] };
  const all = [...own, ...Array.from({ length: Math.max(0, (options.rows ?? 0) - own.length) }, () => filler)];
  const limit = contextOf(checkpoint.config);
  const sources = all[0].source === undefined ? undefined : all.map(({ source }) => source!);
  const padded = padRows(
    all.map(({ tokens }) => tokens),
    sources,
    {
      width: widthFor(all, limit),
      sourceWidth:
        sources &&
        widthFor(
          sources.map((tokens) => ({ tokens })),
          limit,
        ),
      extra: extraRows([...(architecture.tokenInputs?.(checkpoint.config) ?? []), ...(options.inputs ?? [])], all),
    },
  );
  const targets = targetTensors(formOf(subject), sequences, padded["tokens"]!.shape as readonly [number, number]);
  return { inputs: { ...padded, ...targets }, predictions: sequences.reduce((sum, sequence) => sum + predictionsOf(sequence), 0) };
}

function extraRows(inputs: readonly TokenInput[], rows: readonly Row[]): Record<string, ExtraRows> {
  return Object.fromEntries(
    inputs.map(({ name, otherwise }) => {
      const given = rows.some(({ extra }) => extra?.[name] !== undefined);
      const numbers = given ? rows.map(({ tokens, extra }) => extra?.[name] ?? tokens.map(() => otherwise)) : undefined;
      return [name, { rows: numbers, otherwise }];
    }),
  );
}

function targetTensors(
  form: TargetForm,
  sequences: readonly Sequence[],
  [rows, width]: readonly [number, number],
): Record<string, HostTensor> {
  if (form.per === "numbers") return numberTargets(sequences, rows, form.count);
  const size = form.per === "token" ? width : form.per === "row" ? form.count : 1;
  const targets = new Int32Array(rows * size).fill(-1);
  if (form.per !== "example") {
    sequences.forEach((sequence, row) => targets.set(sequence.targets, row * size));
    return { [TARGETS]: i32([rows, size], targets) };
  }
  const example = new Int32Array(rows).fill(-1);
  const place = new Int32Array(rows);
  let first = 0;
  for (const [index, sequence] of sequences.entries()) {
    const count = rowsOf(sequence).length;
    for (let at = 0; at < count; at++) {
      const target = sequence.targets[at] ?? -1;
      if (target >= 0) targets[first + at] = first + target;
      example[first + at] = index;
      place[first + at] = at;
    }
    first += count;
  }
  return { [TARGETS]: i32([rows], targets), [EXAMPLE]: i32([rows], example), [PLACE]: i32([rows], place) };
}

function numberTargets(sequences: readonly Sequence[], rows: number, count: number): Record<string, HostTensor> {
  const targets = new Float32Array(rows * count);
  const counted = new Float32Array(rows * count);
  sequences.forEach(({ numbers = [] }, row) => {
    targets.set(numbers, row * count);
    counted.fill(1, row * count, row * count + numbers.length);
  });
  return { [TARGETS]: f32([rows, count], targets), [COUNTED]: f32([rows, count], counted) };
}

/** Widths four apart while rows are short: little padding, and few enough programs; no wider than the model's positions. */
function widthFor(rows: readonly Pick<Row, "tokens">[], limit: number): number {
  const length = Math.max(...rows.map(({ tokens }) => tokens.length));
  if (length > limit) throw exampleTooLong({ found: length, limit });
  return length <= 32 ? Math.min(4 * Math.ceil(length / 4), limit) : bucketWidth(length, limit);
}

function byLength(a: Sequence, b: Sequence): number {
  return longest(a) - longest(b) || (a.source?.length ?? 0) - (b.source?.length ?? 0);
}

function longest(sequence: Sequence): number {
  return rowsOf(sequence).reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
}
