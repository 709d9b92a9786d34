import { f32 } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { headCuts } from "./head-cuts.ts";
import { sliceTensor } from "./slice-tensor.ts";

describe("headCuts", () => {
  const group = { site: "s", headDim: 2, keyValueHeads: [0, 0, 1, 1], query: ["q"], keyValue: ["k", "v"], output: ["o"] };

  it("keeps a key/value head while one query head reads it", () => {
    expect(headCuts(group, [0, 2, 3])).toEqual([
      { weight: "q", axis: 0, kept: [0, 1, 4, 5, 6, 7] },
      { weight: "k", axis: 0, kept: [0, 1, 2, 3] },
      { weight: "v", axis: 0, kept: [0, 1, 2, 3] },
      { weight: "o", axis: 1, kept: [0, 1, 4, 5, 6, 7] },
    ]);
  });

  it("removes it with the last one", () => {
    expect(headCuts(group, [2, 3]).find(({ weight }) => weight === "v")?.kept).toEqual([2, 3]);
  });
});

describe("sliceTensor", () => {
  const tensor = f32(
    [2, 3, 2],
    Array.from({ length: 12 }, (_, i) => i),
  );

  it("slices any axis of any dtype", () => {
    expect([...sliceTensor(tensor, 0, [1]).data]).toEqual([6, 7, 8, 9, 10, 11]);
    expect([...sliceTensor(tensor, 1, [0, 2]).data]).toEqual([0, 1, 4, 5, 6, 7, 10, 11]);
    const codes = sliceTensor({ dtype: "u8", shape: [1, 4], data: Uint8Array.of(9, 8, 7, 6) }, 1, [1, 3]);
    expect(codes).toEqual({ dtype: "u8", shape: [1, 2], data: Uint8Array.of(8, 6) });
  });
});
