/** A head's output as choices among classes. */
import { reshape, symbolicSize, type Dim, type Value } from "@pare/tensor-core";
import type { Choices, ChoiceScope } from "./task.ts";

/** Each token is a choice: `[batch, seq, classes]`. */
export function tokenChoices(output: Value, { targets }: ChoiceScope): Choices {
  const rows = symbolicSize(targets.shape);
  return { logits: reshape(output, [rows, output.shape[2] as Dim]), targets: reshape(targets, [rows]) };
}

/** Each row is a choice: `[batch, classes]`, one target a row. */
export function rowChoices(output: Value, { targets }: ChoiceScope): Choices {
  return { logits: output, targets: reshape(targets, [output.shape[0] as Dim]) };
}
