import { rowsInvalid } from "../errors.ts";
import { needHead } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import { encodeText, largestOf, runRows, softmaxOf, type AppOptions } from "./rows.ts";

export interface Choice {
  /** Place of the likeliest choice. */
  readonly index: number;
  readonly choice: string;
  /** By choice; they sum to 1. */
  readonly probabilities: readonly number[];
}

/**
 * Which of several continuations fits a text.
 *
 * Throws `models/head-unfit` for a model without a multiple-choice head, `models/rows-invalid` without choices.
 */
export async function choose(session: Session, text: string, choices: readonly string[], options: AppOptions = {}): Promise<Choice> {
  needHead(session.architecture, session.checkpoint.config, "multiple-choice", "choose");
  if (choices.length === 0) throw rowsInvalid({ field: "choices", expected: "one or more", found: "none" });
  const rows = choices.map((choice) => encodeText(session, [text, choice]));
  const logits = (await runRows(session, rows, options)).map(({ data }) => data[0]!);
  const index = largestOf(logits);
  return { index, choice: choices[index]!, probabilities: softmaxOf(logits) };
}
