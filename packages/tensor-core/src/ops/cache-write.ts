import { expectDType, expectRank, expectShape, expectThat, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { apply, type Value } from "../graph.ts";
import { i32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

/**
 * Writes rows `[b, t, h, d]` into cache `[b, capacity, h, d]` in place, from position starts i32 `[b]` on. Rows past the capacity are the
 * caller's fault: the reference refuses them, kernels need not look.
 */
export const cacheWriteOp: Op<"cache-write", "cache" | "rows" | "starts", never, "cache", NoAttrs> = defineOp({
  name: "cache-write",
  inputs: ["cache", "rows", "starts"],
  outputs: ["cache"],
  updates: { cache: "cache" },
  infer: ({ cache, rows, starts }) => {
    const dtype = floatType("cache-write", { cache, rows });
    expectRank("cache-write", "cache", cache, 4);
    expectRank("cache-write", "rows", rows, 4);
    const [batch, , heads, width] = cache.shape;
    expectShape("cache-write", "rows", rows, [batch!, rows.shape[1]!, heads!, width!]);
    expectDType("cache-write", "starts", starts, "i32");
    expectShape("cache-write", "starts", starts, [batch!]);
    return { cache: { dtype, shape: cache.shape } };
  },
  reference: ({ cache, rows, starts }) => {
    const [batch, capacity, heads, width] = cache.shape as [number, number, number, number];
    const tokens = rows.shape[1]!;
    const written = make(cache.dtype, cache.shape);
    written.data.set(dataOf(cache));
    for (let b = 0; b < batch; b++) {
      const start = dataOf(starts)[b]!;
      const fits = start >= 0 && start + tokens <= capacity;
      expectThat(fits, "cache-write", `starts, element ${b}`, `${tokens} positions inside the capacity ${capacity}`, `from ${start} on`);
      const size = tokens * heads * width;
      written.data.set(dataOf(rows).subarray(b * size, (b + 1) * size), (b * capacity + start) * heads * width);
    }
    return { cache: written };
  },
  cases: function* () {
    const rest = { attrs: {}, tolerance: 0, why: "rows are copied" };
    for (const width of ODD_SIZES) {
      const { f32, i32: places } = sampler(`width ${width}`);
      const inputs = { cache: f32([2, 7, 2, width]), rows: f32([2, 3, 2, width]), starts: places([2], 0, 5) };
      yield { name: `width ${width}`, inputs, ...rest };
    }
    const { f32 } = sampler("whole");
    yield { name: "one token", inputs: { cache: f32([3, 4, 1, 5]), rows: f32([3, 1, 1, 5]), starts: i32([3], [0, 3, 2]) }, ...rest };
    yield { name: "whole", inputs: { cache: f32([1, 4, 2, 3]), rows: f32([1, 4, 2, 3]), starts: i32([1], [0]) }, ...rest };
  },
});

/** What it gives must be assigned to the State that `cache` is. */
export function cacheWrite(cache: Value, rows: Value, starts: Value): Value {
  return apply(cacheWriteOp, { cache, rows, starts }, {}).cache;
}
