/** Which of several continuations fits. */
import type { Suite } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { headSuite, rowsOptions } from "./head-suite.ts";
import { ratio, share } from "./metrics.ts";
import { chosen, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

/**
 * Multiple-choice heads on rows with choices: accuracy with its 95 % interval (Wilson), correct, nll (mean nats, with interval), and
 * chance (accuracy of a guess).
 *
 * Throws what {@link headSuite} says.
 */
export const choose: Suite<"choose", RowsSuiteOptions, Checkpoint, RowsReport> = headSuite({
  id: "choose",
  task: "multiple-choice",
  citation: "accuracy on the rows that were given; intervals by Wilson (1927)",
  options: rowsOptions,
  measure: (sequences, outputs) => {
    const found = sequences.map(({ targets: [right] }, index) => {
      const logits = outputs[index]!.map(({ data }) => data[0]!);
      return { ...chosen(logits, right!), right, count: logits.length };
    });
    const correct = found.filter(({ best, right }) => best === right).length;
    return {
      ...share("accuracy", correct, found.length),
      correct,
      chance: found.reduce((total, { count }) => total + 1 / count, 0) / found.length,
      ...ratio(
        "nll",
        found.map(({ nll }) => nll),
        found.map(() => 1),
      ),
    };
  },
});
