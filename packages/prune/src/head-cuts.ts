/** Which rows and columns of which weights belong to the heads that stay. */
import type { HeadGroup } from "@pare/models";
import type { Cut } from "./cuts.ts";

/** The cuts that leave only these query heads (ascending); a key/value head goes with the last query head that reads it. */
export function headCuts({ headDim, keyValueHeads, query, keyValue, output }: HeadGroup, kept: readonly number[]): Cut[] {
  const queries = spread(kept, headDim);
  const keys = spread(
    [...new Set(kept.map((head) => keyValueHeads[head]))].sort((a, b) => a - b),
    headDim,
  );
  return [
    ...query.map((weight): Cut => ({ weight, axis: 0, kept: queries })),
    ...keyValue.map((weight): Cut => ({ weight, axis: 0, kept: keys })),
    ...output.map((weight): Cut => ({ weight, axis: 1, kept: queries })),
  ];
}

function spread(heads: readonly number[], headDim: number): number[] {
  return heads.flatMap((head) => Array.from({ length: headDim }, (_, i) => head * headDim + i));
}
