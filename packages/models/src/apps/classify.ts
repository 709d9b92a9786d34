import { needHead } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import { encodeText, largestOf, runRows, softmaxOf, type AppOptions, type TextInput } from "./rows.ts";

export interface Classification {
  /** The class with the largest score. */
  readonly label: string;
  readonly score: number;
  /**
   * By class: probabilities that sum to 1 where one class of all is meant, the probability of each where several may hold, and the
   * numbers themselves where the model was trained for numbers.
   */
  readonly scores: Readonly<Record<string, number>>;
}

/**
 * The class of each text or pair of texts.
 *
 * Throws `models/head-unfit` for a model without a classification head, `models/tokenizer-missing`.
 */
export async function classify(session: Session, texts: readonly TextInput[], options: AppOptions = {}): Promise<Classification[]> {
  const { architecture, checkpoint } = session;
  const head = needHead(architecture, checkpoint.config, "sequence-classification", "classify texts");
  const { kind = "single" } = head;
  const labels = head.labels ?? Array.from({ length: head.width }, (_, index) => `${index}`);
  const outputs = await runRows(
    session,
    texts.map((text) => encodeText(session, text)),
    options,
  );
  return outputs.map(({ data }) => {
    const scores = scoresOf(kind, data);
    const best = largestOf(scores);
    return {
      label: labels[best]!,
      score: scores[best]!,
      scores: Object.fromEntries(labels.map((label, index) => [label, scores[index]!])),
    };
  });
}

function scoresOf(kind: string, logits: Float32Array): number[] {
  if (kind === "single") return softmaxOf(logits);
  return Array.from(logits, kind === "multiple" ? (logit) => 1 / (1 + Math.exp(-logit)) : Number);
}
