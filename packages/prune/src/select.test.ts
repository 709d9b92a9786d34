import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf, selector, thresholdOf, thresholdOver } from "./select.ts";

const small = fc.array(fc.nat(5), { minLength: 1, maxLength: 40 });

/** The plain meaning: sort indices by key, then index; the first `count` go. */
function slow(keys: readonly number[], count: number): number[] {
  const gone = new Set(
    keys
      .map((_, i) => i)
      .sort((a, b) => keys[a] - keys[b] || a - b)
      .slice(0, count),
  );
  return keys.map((_, i) => (gone.has(i) ? 0 : 1));
}

async function* pieces(keys: readonly number[], at: number): AsyncIterable<Uint32Array> {
  yield Uint32Array.from(keys.slice(0, at));
  yield Uint32Array.from(keys.slice(at));
}

describe("keyOf", () => {
  it("orders as scores do, what is pruned before any score", () => {
    const scores = [0, 1e-45, 1e-20, 0.5, 0.5000001, 3e38];
    const keys = [keyOf(7, false), ...scores.map((score) => keyOf(score, true))];
    expect([...keys].sort((a, b) => a - b)).toEqual(keys);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("thresholdOf and selector", () => {
  it("removes exactly the count asked for, equal keys in order of index", () => {
    fc.assert(
      fc.property(small, fc.nat(100), (keys, percent) => {
        const count = Math.round((keys.length * percent) / 100);
        const kept = selector(thresholdOf(Uint32Array.from(keys), count))(Uint32Array.from(keys));
        expect([...kept]).toEqual(slow(keys, count));
      }),
    );
  });
});

describe("thresholdOver", () => {
  it("chooses over pieces what it would choose over the whole", async () => {
    const wide = fc.array(fc.oneof(fc.nat(3), fc.nat(0xffffffff), fc.constant(0x10000), fc.constant(0xffff)), {
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(wide, fc.nat(100), fc.nat(40), async (keys, percent, cut) => {
        const count = Math.round((keys.length * percent) / 100);
        const select = selector(await thresholdOver(() => pieces(keys, cut), count));
        const kept: number[] = [];
        for await (const piece of pieces(keys, cut)) kept.push(...select(piece));
        expect(kept).toEqual(slow(keys, count));
      }),
    );
  });
});
