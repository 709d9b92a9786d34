/** Classes, or numbers, of whole texts. */
import type { Suite } from "@pare/core";
import type { Checkpoint, RowOutput } from "@pare/models";
import type { Sequence } from "@pare/training";
import { headSuite, rowsOptions } from "./head-suite.ts";
import { matthews, pearson, ratio, share } from "./metrics.ts";
import { chosen, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

/**
 * Sequence-classification heads on labelled rows. One class of all: accuracy with its 95 % interval (Wilson), correct, nll (mean nats, with
 * interval), matthews (correlation, 0 for chance). Several classes: accuracy of whole sets, f1 over all classes together. Numbers: mse
 * with its interval, pearson.
 *
 * Throws what {@link headSuite} says.
 */
export const classify: Suite<"classify", RowsSuiteOptions, Checkpoint, RowsReport> = headSuite({
  id: "classify",
  task: "sequence-classification",
  citation: "accuracy on the rows that were given; intervals by Wilson (1927)",
  options: rowsOptions,
  measure: (sequences, outputs, { kind = "single", width }) => {
    if (kind === "single") return ofClasses(sequences, outputs, width);
    return kind === "multiple" ? ofSets(sequences, outputs) : ofNumbers(sequences, outputs);
  },
});

type Outputs = readonly (readonly RowOutput[])[];

function ofClasses(sequences: readonly Sequence[], outputs: Outputs, width: number): Record<string, number> {
  const meant = sequences.map(({ targets }) => targets[0]!);
  const found = outputs.map(([output], index) => chosen(output!.data, meant[index]!));
  const correct = found.filter(({ best }, index) => best === meant[index]).length;
  return {
    ...share("accuracy", correct, meant.length),
    correct,
    ...ratio(
      "nll",
      found.map(({ nll }) => nll),
      meant.map(() => 1),
    ),
    matthews: matthews(
      found.map(({ best }) => best),
      meant,
      width,
    ),
  };
}

/** A class is found where its logit is above 0: more likely than not. */
function ofSets(sequences: readonly Sequence[], outputs: Outputs): Record<string, number> {
  let [exact, both, found, meant] = [0, 0, 0, 0];
  for (const [index, { numbers }] of sequences.entries()) {
    const set = Array.from(outputs[index]![0]!.data, (logit) => (logit > 0 ? 1 : 0));
    if (set.every((one, at) => one === numbers![at])) exact++;
    set.forEach((one, at) => {
      both += one * numbers![at]!;
      found += one;
      meant += numbers![at]!;
    });
  }
  return { ...share("accuracy", exact, sequences.length), correct: exact, f1: found + meant === 0 ? 1 : (2 * both) / (found + meant) };
}

function ofNumbers(sequences: readonly Sequence[], outputs: Outputs): Record<string, number> {
  const pairs = sequences.map(({ numbers }, index) => [...outputs[index]![0]!.data].map((found, at) => [found, numbers![at]!] as const));
  const errors = pairs.map((row) => row.reduce((total, [found, meant]) => total + (found - meant) ** 2, 0));
  const flat = pairs.flat();
  return {
    ...ratio(
      "mse",
      errors,
      pairs.map(({ length }) => length),
    ),
    pearson: pearson(
      flat.map(([found]) => found),
      flat.map(([, meant]) => meant),
    ),
  };
}
