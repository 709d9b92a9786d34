/** Whether a model may be said to be tested on what it has not seen. */
import { countSeen, type Checkpoint } from "@pare/models";
import { hashExample, type Example } from "@pare/training";

/**
 * "in-domain" and "out-of-domain" are claims about unseen examples; a model that has seen any of them, or whose training nobody
 * knows, gets neither.
 */
export type Label = "in-domain" | "out-of-domain" | "seen in training" | "unknown";

export interface Exposure {
  readonly label: Label;
  /** Test examples that stand in the model's provenance; absent: nobody knows. */
  readonly seen?: number | undefined;
}

/**
 * Counts the examples that the model was trained on.
 *
 * @param related data sets drawn as these examples are (their ids in provenance); a model that saw one of them is in-domain here. A model
 *   that has seen none is out of domain.
 */
export function exposure(subject: Checkpoint, examples: readonly Example[], related: readonly string[]): Exposure {
  const { provenance } = subject;
  const seen = countSeen(provenance, examples.map(hashExample));
  if (seen === undefined) return { label: "unknown" };
  if (seen > 0) return { label: "seen in training", seen };
  const inDomain = provenance.seen?.some(({ data }) => related.includes(data)) ?? false;
  return { label: inDomain ? "in-domain" : "out-of-domain", seen };
}
