/** Suites that compare what a head gives for rows with what the rows say. */
import { defineSuite, type Context, type Suite } from "@pare/core";
import type { Checkpoint, Head, RowOutput } from "@pare/models";
import type { Sequence } from "@pare/training";
import { z } from "zod";
import { withSession } from "../session.ts";
import { openRows, outputsOf, reportOf, rowsFields, wantedSequences, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

export interface HeadSuite<Id extends string, Options extends RowsSuiteOptions> {
  readonly id: Id;
  /** Of the heads that it measures. */
  readonly task: string;
  readonly citation: string;
  readonly options: z.ZodType<Options, Options>;
  /** What is run in place of the sequences as they are: with some of their tokens hidden. */
  readonly see?:
    | ((sequences: readonly Sequence[], subject: Checkpoint, options: Options, context: Context) => readonly Sequence[])
    | undefined;
  /** @param outputs of each row of each sequence. */
  readonly measure: (sequences: readonly Sequence[], outputs: readonly (readonly RowOutput[])[], head: Head) => Record<string, number>;
}

/** For suites that take no options of their own. */
export const rowsOptions: z.ZodType<RowsSuiteOptions, RowsSuiteOptions> = z.object(rowsFields);

/**
 * The suite. Throws `models/head-unfit`, `eval-suites/data-missing`, `training/nothing-wanted`, `training/example-unfit`,
 * `training/example-too-long`.
 */
export function headSuite<const Id extends string, Options extends RowsSuiteOptions>({
  id,
  task,
  citation,
  options,
  see,
  measure,
}: HeadSuite<Id, Options>): Suite<Id, Options, Checkpoint, RowsReport> {
  return defineSuite({
    id,
    version: 1,
    package: "@pare/eval-suites",
    citation,
    options,
    run: async (subject: Checkpoint, given: Options, context): Promise<RowsReport> => {
      const opened = await openRows(subject, { suite: id, task }, given, context);
      const whole = wantedSequences(subject, opened.examples, given.maxTokens, context);
      const sequences = see?.(whole, subject, given, context) ?? whole;
      const outputs = await withSession(subject, id, context, (session) => outputsOf(session, sequences, id, context));
      return reportOf(subject, opened, measure(sequences, outputs, opened.head));
    },
  });
}
