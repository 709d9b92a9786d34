/** What the suites of encoders' heads share: examples as rows, and what the head gives for each. */
import type { Context, SuiteReport } from "@pare/core";
import { needHead, runRows, type Checkpoint, type Head, type RowOutput, type Session } from "@pare/models";
import {
  checkWanted,
  encodeAll,
  hashExamples,
  isDataReference,
  openData,
  rowsOf,
  subjectOf,
  type DataReference,
  type Example,
  type Sequence,
} from "@pare/training";
import { z } from "zod";
import { exposure } from "../domain.ts";
import { dataMissing } from "../errors.ts";
import { sample } from "../sample.ts";

export interface RowsSuiteOptions {
  /** Labelled rows: a data set, or `{ use: "rows", file: "reviews.jsonl" }`. */
  readonly data?: DataReference | undefined;
  /** A seeded sample of this many; default: all. */
  readonly examples?: number | undefined;
  /** Longer rows are cut to this many tokens, marks counted. Default: they are refused. */
  readonly maxTokens?: number | undefined;
}

/** Fields of {@link RowsSuiteOptions} for a suite's schema. */
export const rowsFields: {
  readonly data: z.ZodOptional<z.ZodType<DataReference, DataReference>>;
  readonly examples: z.ZodOptional<z.ZodNumber>;
  readonly maxTokens: z.ZodOptional<z.ZodNumber>;
} = {
  data: z
    .custom<DataReference>(isDataReference, "a data set, or { use: <data set>, … }")
    .optional()
    .describe("labelled rows: { use: rows, file, … }"),
  examples: z.int().min(1).optional().describe("a seeded sample of this many"),
  maxTokens: z.int().min(2).optional().describe("longer rows are cut to this many tokens; default: they are refused"),
};

export interface RowsReport extends SuiteReport {
  readonly metrics: Readonly<Record<string, number>>;
  readonly label: string;
  readonly dataHash: string;
  readonly data: string;
}

/** Rows per pass; progress shows and Ctrl-C is heard between passes. */
const PASS = 128;

export interface Opened {
  readonly head: Head;
  readonly name: string;
  readonly examples: readonly Example[];
}

/** The examples that a suite works on, once the model's head is known to fit. Throws `models/head-unfit`, `eval-suites/data-missing`. */
export async function openRows(
  subject: Checkpoint,
  { suite, task }: { readonly suite: string; readonly task: string },
  options: RowsSuiteOptions,
  context: Context,
): Promise<Opened> {
  const { architecture } = subjectOf(subject, context.registry);
  const head = needHead(architecture, subject.config, task, `be measured by ${suite}`);
  if (options.data === undefined) {
    const expected = 'labelled rows such as { "use": "rows", "file": "test.jsonl" }';
    throw dataMissing({ suite, found: "no data", expected });
  }
  const set = openData(options.data, context.registry);
  return { head, name: set.id, examples: sample(await set.examples("test"), options.examples, context.seed, suite) };
}

/** The rows of the examples, each of which has to say what is wanted. Throws as `prepareSequences` does, and `training/nothing-wanted`. */
export function wantedSequences(
  subject: Checkpoint,
  examples: readonly Example[],
  maxTokens: number | undefined,
  context: Context,
): readonly Sequence[] {
  const known = subjectOf(subject, context.registry);
  const { sequences } = encodeAll(known, examples, maxTokens);
  checkWanted(sequences, known);
  return sequences;
}

/** What the head gives for each row of each sequence. */
export async function outputsOf(
  session: Session,
  sequences: readonly Sequence[],
  message: string,
  { signal, emit }: Context,
): Promise<RowOutput[][]> {
  const outputs: RowOutput[][] = [];
  for (let at = 0; at < sequences.length; at += PASS) {
    signal.throwIfAborted();
    const own = sequences.slice(at, at + PASS).map(rowsOf);
    const rows = own.flat().map(({ tokens, extra }) => ({ tokens, tokenTypes: extra?.["tokenTypes"] ?? tokens.map(() => 0) }));
    const given = await runRows(session, rows, { signal });
    let taken = 0;
    for (const { length } of own) outputs.push(given.slice(taken, (taken += length)));
    emit({
      type: "progress",
      progress: { done: Math.min(at + PASS, sequences.length), total: sequences.length, unit: "examples", message },
    });
  }
  return outputs;
}

/** The report of a suite that measured these examples. */
export async function reportOf(
  subject: Checkpoint,
  { examples, name }: Opened,
  metrics: Readonly<Record<string, number>>,
): Promise<RowsReport> {
  const { label, seen } = exposure(subject, examples, [name]);
  return {
    metrics: { ...metrics, examples: examples.length, ...(seen === undefined ? {} : { seen }) },
    label,
    dataHash: await hashExamples(examples),
    data: name,
  };
}

/** −log softmax(logits)[target] in float64, and the first of the largest. */
export function chosen(logits: ArrayLike<number>, target: number): { readonly nll: number; readonly best: number } {
  let best = 0;
  for (let index = 1; index < logits.length; index++) if (logits[index]! > logits[best]!) best = index;
  let total = 0;
  for (let index = 0; index < logits.length; index++) total += Math.exp(logits[index]! - logits[best]!);
  return { nll: Math.log(total) + logits[best]! - logits[target]!, best };
}

/** A class that was asked for, and what the model makes of it. */
export interface Asked {
  readonly target: number;
  readonly nll: number;
  readonly best: number;
}

/** What a head per token makes of each token that a sequence asks for. */
export function askedOf({ targets }: Sequence, { data, width }: RowOutput): Asked[] {
  return [...targets.entries()]
    .filter(([, target]) => target >= 0)
    .map(([at, target]) => ({ target, ...chosen(data.subarray(at * width, (at + 1) * width), target) }));
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
