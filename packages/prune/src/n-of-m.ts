/** N:M sparsity: of every M consecutive inputs of an output at most N weights stay. */
import { z } from "zod";

/** "2:4": two of four stay. */
export type NOfM = `${number}:${number}`;

/** For the schema of a stage. */
export const nOfMField: z.ZodType<NOfM, NOfM> = z
  .string()
  .regex(/^[1-9]\d{0,3}:[1-9]\d{0,3}$/)
  .refine((text) => {
    const { n, m } = parseNOfM(text as NOfM);
    return n < m;
  }, "N:M with N less than M")
  .describe("of M consecutive inputs N stay: 2:4") as unknown as z.ZodType<NOfM, NOfM>;

export function isNOfM(pattern: string): pattern is NOfM {
  return pattern.includes(":");
}

export function parseNOfM(pattern: NOfM): { readonly n: number; readonly m: number } {
  const [n, m] = pattern.split(":").map(Number);
  return { n, m };
}

/**
 * In columns `[from, to)` of every row keeps the N largest keys of each group of M, counted from column 0; of equal keys those with
 * the larger index stay. A last group that is shorter keeps up to N as well. What earlier steps pruned (key 0) is never kept.
 *
 * @param kept `[rows, columns]`: 1 stays, 0 goes; written in those columns alone.
 */
export function selectNOfM(
  keys: Uint32Array,
  kept: Uint8Array,
  columns: number,
  pattern: NOfM,
  [from, to]: readonly [number, number] = [0, columns],
): void {
  const { n, m } = parseNOfM(pattern);
  for (let row = 0; row < keys.length; row += columns) {
    for (let begin = from; begin < to; begin += m) {
      const end = Math.min(begin + m, to);
      for (let at = row + begin; at < row + end; at++) {
        let larger = 0;
        for (let other = row + begin; other < row + end; other++)
          if (keys[other] > keys[at] || (keys[other] === keys[at] && other > at)) larger++;
        kept[at] = larger < n && keys[at] > 0 ? 1 : 0;
      }
    }
  }
}
