/** How much a model loses by how much of each part goes: what a scan found, and what allocation reads. */
import type { PluginRef } from "@pare/core";
import type { Trial } from "./trial.ts";

/** What a budget is counted in. */
export type Currency = "parameters" | "bytes" | "flops" | "seconds";

export interface ScanPoint extends Trial {
  readonly share: number;
}

/** Parts that get the same share. */
export interface ScanGroup {
  readonly name: string;
  /** Weights, or sites of heads or neurons. */
  readonly parts: readonly string[];
  /** Ascending shares. */
  readonly points: readonly ScanPoint[];
}

/** Plain JSON. */
export interface Sensitivity {
  /** The pruning stage without its share. */
  readonly prune: PluginRef;
  /** The option of that stage which takes shares by part. */
  readonly option: "sparsity" | "fraction";
  /** Before anything goes. */
  readonly whole: Trial;
  readonly groups: readonly ScanGroup[];
}

/** Loss by part and share, as a Markdown table. */
export function sensitivityTable({ groups, whole }: Sensitivity): string {
  const shares = [...new Set(groups.flatMap(({ points }) => points.map(({ share }) => share)))].sort((a, b) => a - b);
  const cell = (points: readonly ScanPoint[], share: number): string =>
    points.find((point) => point.share === share)?.loss.toFixed(4) ?? "";
  const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;
  return [
    `| loss; ${whole.loss.toFixed(4)} with nothing gone | ${shares.map(percent).join(" | ")} |`,
    `|---|${shares.map(() => "---:").join("|")}|`,
    ...groups.map(({ name, points }) => `| ${name} | ${shares.map((share) => cell(points, share)).join(" | ")} |`),
  ].join("\n");
}
