/** Loss of a masked language model. */
import { defineSuite, type Suite } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { maskedToken, subjectOf, visited } from "@pare/training";
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

const ID = "fill-mask";

export interface FillMaskOptions extends RowsSuiteOptions {
  /** Share of each row's tokens that are asked for, at least one; a mask stands for all of them. Default 0.15. */
  readonly maskProbability?: number | undefined;
}

const options: z.ZodType<FillMaskOptions, FillMaskOptions> = z.object({
  ...rowsFields,
  maskProbability: z.number().gt(0).max(1).optional().describe("share of each row's tokens that are asked for; default 0.15"),
});

/**
 * Masked-token heads on text: nll (mean nats of the tokens that masks stand for) and accuracy, each with its 95 % interval over rows,
 * perplexity (e^nll), predictions. Which tokens those are follows from the seed. Other models cannot be compared by it: tokens differ.
 *
 * Throws as `classify` does, and `training/tokenizer-incomplete` without a mask token.
 */
export const fillMask: Suite<typeof ID, FillMaskOptions, Checkpoint, RowsReport> = defineSuite({
  id: ID,
  version: 1,
  package: "@pare/eval-suites",
  citation: "Devlin, J., Chang, M.-W., Lee, K. & Toutanova, K. (2019). BERT: pre-training of deep bidirectional transformers. NAACL.",
  options,
  run: async (subject: Checkpoint, given, context): Promise<RowsReport> => {
    const opened = await openRows(subject, { suite: ID, task: "masked-token" }, given, context);
    const whole = wantedSequences(subject, opened.examples, given.maxTokens, context);
    const objective = maskedToken({ maskProbability: given.maskProbability, replaced: 1, random: 0 });
    const sequences = visited(objective, subjectOf(subject, context.registry), whole, [...whole.keys()], { seed: context.seed });
    const outputs = await withSession(subject, ID, context, (session) => outputsOf(session, sequences, ID, context));
    const rows = sequences.map((sequence, index) => askedOf(sequence, outputs[index]![0]!));
    const counts = rows.map(({ length }) => length);
    const nll = ratio(
      "nll",
      rows.map((row) => sum(row.map((each) => each.nll))),
      counts,
    );
    const correct = rows.map((row) => row.filter(({ best, target }) => best === target).length);
    const metrics = { ...nll, perplexity: Math.exp(nll["nll"]!), ...ratio("accuracy", correct, counts), predictions: sum(counts) };
    return reportOf(subject, opened, metrics);
  },
});
