/** Classes of words. */
import type { Suite } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { headSuite, rowsOptions } from "./head-suite.ts";
import { perToken } from "./metrics.ts";
import { askedOf, sum, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

/**
 * Token-classification heads on tagged rows: accuracy over words and nll (mean nats), each with its 95 % interval over rows, for the words
 * of a row do not vary alone; correct, words.
 *
 * Throws what {@link headSuite} says.
 */
export const tag: Suite<"tag", RowsSuiteOptions, Checkpoint, RowsReport> = headSuite({
  id: "tag",
  task: "token-classification",
  citation: "accuracy over the words of the rows that were given; intervals by Cochran (1977), Sampling Techniques, eq. 6.9",
  options: rowsOptions,
  measure: (sequences, outputs) => {
    const rows = sequences.map((sequence, index) => askedOf(sequence, outputs[index]![0]!));
    const { correct, counts, metrics } = perToken(rows);
    return { ...metrics, correct: sum(correct), words: sum(counts) };
  },
});
