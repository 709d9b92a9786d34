/** Classes of words. */
import { defineSuite, type Suite } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { z } from "zod";
import { withSession } from "../session.ts";
import { ratio } from "./metrics.ts";
import {
  askedOf,
  openRows,
  outputsOf,
  reportOf,
  rowsFields,
  sum,
  wantedSequences,
  type RowsReport,
  type RowsSuiteOptions,
} from "./rows.ts";

const ID = "tag";

const options: z.ZodType<RowsSuiteOptions, RowsSuiteOptions> = z.object(rowsFields);

/**
 * Token-classification heads on tagged rows: accuracy over words and nll (mean nats), each with its 95 % interval over rows, for the words
 * of a row do not vary alone; correct, words.
 *
 * Throws as `classify` does.
 */
export const tag: Suite<typeof ID, RowsSuiteOptions, Checkpoint, RowsReport> = defineSuite({
  id: ID,
  version: 1,
  package: "@pare/eval-suites",
  citation: "accuracy over the words of the rows that were given; intervals by Cochran (1977), Sampling Techniques, eq. 6.9",
  options,
  run: async (subject: Checkpoint, given, context): Promise<RowsReport> => {
    const opened = await openRows(subject, { suite: ID, task: "token-classification" }, given, context);
    const sequences = wantedSequences(subject, opened.examples, given.maxTokens, context);
    const outputs = await withSession(subject, ID, context, (session) => outputsOf(session, sequences, ID, context));
    const rows = sequences.map((sequence, index) => askedOf(sequence, outputs[index]![0]!));
    const correct = rows.map((row) => row.filter(({ best, target }) => best === target).length);
    const counts = rows.map(({ length }) => length);
    return reportOf(subject, opened, {
      ...ratio("accuracy", correct, counts),
      correct: sum(correct),
      words: sum(counts),
      ...ratio(
        "nll",
        rows.map((row) => sum(row.map(({ nll }) => nll))),
        counts,
      ),
    });
  },
});
