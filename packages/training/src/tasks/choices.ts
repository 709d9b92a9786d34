/** A head's output as choices among classes. */
import { equal, reshape, select, symbolicSize, type Dim, type Value } from "@pare/tensor-core";
import type { Choices, ChoiceScope } from "./task.ts";

/** The logit of what cannot be chosen: far below any that a model gives, and finite, so that differences of two stay numbers. */
export const IMPOSSIBLE: number = -1e9;

/** Each token is a choice: `[batch, seq, classes]`. */
export function tokenChoices(output: Value, { targets }: ChoiceScope): Choices {
  const rows = symbolicSize(targets.shape);
  return { logits: reshape(output, [rows, output.shape[2] as Dim]), targets: reshape(targets, [rows]) };
}

/** Each row is a choice: `[batch, classes]`, one target a row. */
export function rowChoices(output: Value, { targets }: ChoiceScope): Choices {
  return { logits: output, targets: reshape(targets, [output.shape[0] as Dim]) };
}

/** Each example's rows are a choice among themselves: `[batch, 1]`, every row's logit seen by all of them. */
export function exampleChoices(output: Value, { targets, example }: ChoiceScope): Choices {
  const [batch] = output.shape as [Dim];
  const together = equal(reshape(example!, [batch, 1]), reshape(example!, [1, batch]));
  return { logits: select(together, reshape(output, [1, batch]), IMPOSSIBLE), targets };
}
