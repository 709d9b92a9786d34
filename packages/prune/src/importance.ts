/** How much each attention head matters, as a value of the run state. */
import { API_VERSION, hashJson, readText, writeText, type Artifact, type ArtifactLoader } from "@pare/core";
import type { HeadScores } from "./head-choice.ts";

const FILE = "head-importance.json";

/** How head importance is measured: see `prune/head-importance`. */
export type MeasuredScore = "michel" | "confidence" | "entropy";

export interface HeadImportance extends Artifact {
  readonly kind: "head-importance";
  readonly score: MeasuredScore;
  /** By the site of each attention layer, one score per query head; larger matters more. Not yet normalised. */
  readonly scores: HeadScores;
  /** Examples it was measured on. */
  readonly examples: number;
}

export function headImportance(scores: HeadScores, examples: number, score: MeasuredScore = "michel"): HeadImportance {
  const content = { score, examples, scores: Object.fromEntries(scores) };
  return {
    kind: "head-importance",
    score,
    scores,
    examples,
    hash: () => hashJson(content),
    save: (files) => writeText(files, FILE, JSON.stringify(content)),
  };
}

/** Loads what {@link headImportance} saved. */
export const headImportanceArtifact: ArtifactLoader<"head-importance", HeadImportance> = {
  kind: "artifact",
  id: "head-importance",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/prune",
  load: async (files) => {
    const { score, scores, examples } = JSON.parse(await readText(files, FILE)) as {
      /** Not in files of before there were others. */
      score?: MeasuredScore;
      scores: Record<string, number[]>;
      examples: number;
    };
    return headImportance(new Map(Object.entries(scores)), examples, score);
  },
};
