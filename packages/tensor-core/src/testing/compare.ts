import type { HostTensor } from "../host.ts";
import { dataOf } from "../ops/support/host.ts";

export interface Difference {
  readonly element: number;
  readonly expected: number;
  readonly found: number;
  /** |found − expected| ÷ max(1, |expected|); NaN where only one of them is. */
  readonly error: number;
}

/** The element that differs most, if any differs by more than `tolerance`. Equal infinities agree; NaN agrees with NaN. */
export function worstDifference(expected: HostTensor, found: HostTensor, tolerance: number): Difference | undefined {
  let worst: Difference | undefined;
  const [wanted, got] = [dataOf(expected), dataOf(found)];
  for (let element = 0; element < wanted.length; element++) {
    const [a, b] = [wanted[element]!, got[element]!];
    if (Object.is(a, b) || a === b) continue;
    const error = Math.abs(b - a) / Math.max(1, Math.abs(a));
    if (error <= tolerance || (worst !== undefined && !(error > worst.error) && !Number.isNaN(error))) continue;
    worst = { element, expected: a, found: b, error };
    if (Number.isNaN(error)) return worst;
  }
  return worst;
}
