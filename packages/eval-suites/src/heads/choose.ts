/** Which of several continuations fits. */
import { defineSuite, type Suite } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { z } from "zod";
import { withSession } from "../session.ts";
import { ratio, share } from "./metrics.ts";
import { chosen, openRows, outputsOf, reportOf, rowsFields, wantedSequences, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

const ID = "choose";

const options: z.ZodType<RowsSuiteOptions, RowsSuiteOptions> = z.object(rowsFields);

/**
 * Multiple-choice heads on rows with choices: accuracy with its 95 % interval (Wilson), correct, nll (mean nats, with interval), and
 * chance (accuracy of a guess).
 *
 * Throws as `classify` does.
 */
export const choose: Suite<typeof ID, RowsSuiteOptions, Checkpoint, RowsReport> = defineSuite({
  id: ID,
  version: 1,
  package: "@pare/eval-suites",
  citation: "accuracy on the rows that were given; intervals by Wilson (1927)",
  options,
  run: async (subject: Checkpoint, given, context): Promise<RowsReport> => {
    const opened = await openRows(subject, { suite: ID, task: "multiple-choice" }, given, context);
    const sequences = wantedSequences(subject, opened.examples, given.maxTokens, context);
    const outputs = await withSession(subject, ID, context, (session) => outputsOf(session, sequences, ID, context));
    const found = sequences.map(({ targets: [right] }, index) => {
      const logits = outputs[index]!.map(({ data }) => data[0]!);
      return { ...chosen(logits, right!), right, count: logits.length };
    });
    const correct = found.filter(({ best, right }) => best === right).length;
    return reportOf(subject, opened, {
      ...share("accuracy", correct, found.length),
      correct,
      chance: found.reduce((total, { count }) => total + 1 / count, 0) / found.length,
      ...ratio(
        "nll",
        found.map(({ nll }) => nll),
        found.map(() => 1),
      ),
    });
  },
});
