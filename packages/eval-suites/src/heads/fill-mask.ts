/** Loss of a masked language model. */
import type { Suite } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { maskedToken, subjectOf, visited } from "@pare/training";
import { z } from "zod";
import { headSuite } from "./head-suite.ts";
import { perToken } from "./metrics.ts";
import { askedOf, rowsFields, sum, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

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
 * Throws what {@link headSuite} says, and `training/tokenizer-incomplete` without a mask token.
 */
export const fillMask: Suite<"fill-mask", FillMaskOptions, Checkpoint, RowsReport> = headSuite({
  id: "fill-mask",
  task: "masked-token",
  citation: "Devlin, J., Chang, M.-W., Lee, K. & Toutanova, K. (2019). BERT: pre-training of deep bidirectional transformers. NAACL.",
  options,
  see: (sequences, subject, { maskProbability }, { registry, seed }) => {
    const objective = maskedToken({ maskProbability, replaced: 1, random: 0 });
    return visited(objective, subjectOf(subject, registry), sequences, [...sequences.keys()], { seed });
  },
  measure: (sequences, outputs) => {
    const { counts, metrics } = perToken(sequences.map((sequence, index) => askedOf(sequence, outputs[index]![0]!)));
    return { ...metrics, perplexity: Math.exp(metrics["nll"]!), predictions: sum(counts) };
  },
});
