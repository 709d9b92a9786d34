/** How much of a model goes: one share for all, or one for each of its parts by name. */
import { nearNames } from "@pare/core";
import { z } from "zod";
import { partUnknown } from "./errors.ts";

/** At least 0, below 1; by name, what is not named stays whole. */
export type Share = number | Readonly<Record<string, number>>;

const one: z.ZodNumber = z.number().min(0).lt(1);

/** For the schema of a stage. */
export const shareField: z.ZodType<Share, Share> = one.or(z.record(z.string(), one));

/** The share of the part of this name. */
export function shareOf(share: Share, name: string): number {
  return typeof share === "number" ? share : (share[name] ?? 0);
}

/** Throws `prune/part-unknown` where a share is for a part that is not among these. */
export function refuseUnknown(share: Share | undefined, field: string, names: readonly string[]): void {
  if (share === undefined || typeof share === "number") return;
  const unknown = Object.keys(share).find((name) => !names.includes(name));
  if (unknown !== undefined) throw partUnknown({ field, found: unknown, near: nearNames(unknown, names) });
}
