import { describe, expect, it } from "vitest";
import { expandMask, scoreMagnitude, unitsOf } from "./score.ts";
import { keyOf, selector, thresholdOf } from "./select.ts";

describe("scoreMagnitude", () => {
  it("scores elements by magnitude", () => {
    const keys = scoreMagnitude(Float32Array.of(-3, 1, 0, 2), undefined, 2, 2, "unstructured");
    expect([...keys]).toEqual([3, 1, 0, 2].map((score) => keyOf(score, true)));
  });

  it("scores blocks of four outputs by their L2 norm, the last block shorter", () => {
    const values = Float32Array.of(3, 0, 4, 0, 0, 0, 0, 1, 6, 8); // 5 × 2: blocks (3,4,0,0), (0,0,0,1), then (6), (8)
    const keys = scoreMagnitude(values, undefined, 5, 2, "4x1");
    expect([...keys]).toEqual([5, 1, 6, 8].map((score) => keyOf(score, true)));
  });

  it("scores blocks of two inputs, the last of a row narrower", () => {
    const values = Float32Array.of(3, 4, 5, 0, 0, 12, 1, 0, 0); // 3 × 3: blocks (3,4,0,0,1,0), then (5,12,0)
    expect(unitsOf("4x2", 3, 3)).toEqual({ rows: 1, columns: 2 });
    expect([...scoreMagnitude(values, undefined, 3, 3, "4x2")]).toEqual([Math.sqrt(26), 13].map((score) => keyOf(score, true)));
  });

  it("puts what is pruned before a kept zero", () => {
    const keys = scoreMagnitude(Float32Array.of(0, 0), Uint8Array.of(1, 0), 1, 2, "unstructured");
    expect(keys[1]).toBeLessThan(keys[0]);
    const blocks = scoreMagnitude(new Float32Array(8), Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0), 4, 2, "4x1");
    expect(blocks[0]).toBeLessThan(blocks[1]);
  });
});

describe("expandMask", () => {
  it("spreads blocks over their outputs and never revives what was pruned", () => {
    const mask = expandMask(Uint8Array.of(0, 1, 1, 0), Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 1, 1, 1), 5, 2, "4x1");
    expect([...mask]).toEqual([0, 1, 0, 0, 0, 1, 0, 1, 1, 0]);
  });

  it("together with a selection keeps whole blocks of the largest norm", () => {
    const rows = 8;
    const columns = 3;
    const values = Float32Array.from({ length: rows * columns }, (_, i) => ((i * 7) % 11) - 5);
    const keys = scoreMagnitude(values, undefined, rows, columns, "4x1");
    const mask = expandMask(selector(thresholdOf(keys, 3))(keys), undefined, rows, columns, "4x1");
    expect(mask.reduce((sum, bit) => sum + bit, 0)).toBe((unitsOf("4x1", rows, columns).rows * columns - 3) * 4);
  });
});
