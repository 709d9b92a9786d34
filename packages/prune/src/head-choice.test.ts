import { describe, expect, it } from "vitest";
import { chooseHeads, normaliseByLayer } from "./head-choice.ts";

const scores = new Map([
  ["a", [3, 1, 2, 9]],
  ["b", [0, 5, 6, 7]],
]);

describe("chooseHeads", () => {
  it("removes the least scored of all groups together", () => {
    expect(chooseHeads(scores, { count: 3, even: false })).toEqual({ a: [0, 3], b: [1, 2, 3] });
  });

  it("removes the same number everywhere when even, the rest where scores are least", () => {
    expect(chooseHeads(scores, { count: 4, even: true })).toEqual({ a: [0, 3], b: [2, 3] });
    expect(chooseHeads(scores, { count: 5, even: true })).toEqual({ a: [3], b: [2, 3] });
  });

  it("leaves one head in every group and refuses what that forbids", () => {
    const lopsided = new Map([
      ["a", [1, 2]],
      ["b", [8, 9]],
    ]);
    expect(chooseHeads(lopsided, { count: 2, even: false })).toEqual({ a: [1], b: [1] });
    expect(() => chooseHeads(lopsided, { count: 3, even: false })).toThrow(/prune\/too-many-heads/);
    expect(() =>
      chooseHeads(
        new Map([
          ["a", [1]],
          ["b", [1, 2, 3]],
        ]),
        { count: 2, even: true },
      ),
    ).toThrow(/prune\/too-many-heads/);
  });

  it("breaks ties by group, then head", () => {
    expect(
      chooseHeads(
        new Map([
          ["a", [1, 1]],
          ["b", [1, 1, 1]],
        ]),
        { count: 2, even: false },
      ),
    ).toEqual({ a: [1], b: [1, 2] });
  });
});

describe("normaliseByLayer", () => {
  it("divides by the L2 norm of the layer", () => {
    expect(
      normaliseByLayer(
        new Map([
          ["a", [3, 4]],
          ["b", [0, 0]],
        ]),
      ),
    ).toEqual(
      new Map([
        ["a", [0.6, 0.8]],
        ["b", [0, 0]],
      ]),
    );
  });
});
