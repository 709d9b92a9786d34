import { describe, expect, it } from "vitest";
import { exampleHash } from "./example-hash.ts";
import { FRESH, countSeen, mergeSeen, seenData, withDeed } from "./provenance.ts";

const hashes = (texts: readonly string[]): bigint[] => texts.map((text) => exampleHash(text));

describe("provenance", () => {
  it("keeps hashes sorted and once", () => {
    const { examples } = seenData("d", [5n, 2n ** 63n, 1n, 5n]);
    expect([...examples]).toEqual([1n, 5n, 2n ** 63n]);
  });

  it("counts the examples a model has seen, over all its data sets", () => {
    const seen = mergeSeen([seenData("a", hashes(["x", "y"]))], [seenData("b", hashes(["z"])), seenData("a", hashes(["y", "w"]))]);
    expect(seen?.map(({ data, examples }) => [data, examples.length])).toEqual([
      ["a", 3],
      ["b", 1],
    ]);
    expect(countSeen({ seen, deeds: [] }, hashes(["x", "z", "w", "not there"]))).toBe(3);
  });

  it("knows nothing when either side knows nothing", () => {
    expect(mergeSeen(undefined, [])).toBeUndefined();
    expect(countSeen({ seen: undefined, deeds: [] }, [1n])).toBeUndefined();
    expect(countSeen(FRESH, [1n])).toBe(0);
  });

  it("adds deeds at the end", () => {
    const deed = { use: "prune/magnitude", version: 1, options: {}, seed: 0 };
    expect(withDeed(withDeed(FRESH, deed), undefined).deeds).toEqual([deed]);
  });
});
