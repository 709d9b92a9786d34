import { fork, uniform } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { solveAllocation, type Level } from "./knapsack.ts";

/** Every choice there is. */
function* all(groups: readonly (readonly Level[])[]): Generator<readonly Level[]> {
  const [first, ...rest] = groups;
  if (first === undefined) yield [];
  else for (const level of first) for (const others of all(rest)) yield [level, ...others];
}

const sum = (levels: readonly Level[], of: "saves" | "costs"): number => levels.reduce((total, level) => total + level[of], 0);

describe("solveAllocation", () => {
  it("finds the cheapest of all choices that save enough", () => {
    for (let round = 0; round < 20; round++) {
      const draw = uniform(fork(3, "knapsack"), round, 30);
      const groups = Array.from({ length: 5 }, (_, group) =>
        Array.from({ length: 3 }, (_, level): Level => {
          const at = 2 * (3 * group + level);
          return { share: level / 4, saves: level === 0 ? 0 : Math.round(40 * draw[at]) - 5, costs: level === 0 ? 0 : draw[at + 1] - 0.1 };
        }),
      );
      const needed = round * 4;
      const fit = [...all(groups)].filter((levels) => sum(levels, "saves") >= needed);
      const found = solveAllocation(groups, needed);
      if (fit.length === 0) expect(found).toBeUndefined();
      else {
        expect(sum(found!, "saves")).toBeGreaterThanOrEqual(needed);
        expect(sum(found!, "costs")).toBeCloseTo(Math.min(...fit.map((levels) => sum(levels, "costs"))), 12);
      }
    }
  });

  it("saves enough to the last unit where buckets hold several sums", () => {
    const groups = Array.from({ length: 12 }, (_, group): Level[] => [
      { share: 0, saves: 0, costs: 0 },
      { share: 0.5, saves: 100_003 + group, costs: 1 + group / 100 },
      { share: 0.9, saves: 180_001 + group, costs: 3 },
    ]);
    for (const needed of [100_003, 700_000, 1_200_102, 2_160_078]) {
      const found = solveAllocation(groups, needed)!;
      expect(sum(found, "saves")).toBeGreaterThanOrEqual(needed);
    }
    expect(solveAllocation(groups, 2_160_079)).toBeUndefined();
    expect(solveAllocation([], 0)).toEqual([]);
  });
});
