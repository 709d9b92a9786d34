import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel } from "@pare/training/testing";
import { l0, type L0Options } from "./l0.ts";

const QUICK = { data: LINES, steps: 16, batch: 8, learningRate: 0.01 } as const;
const NAMES = [0, 1].flatMap((layer) => ["query", "key", "value", "output"].map((name) => `layers.${layer}.${name}`));

async function gated(options: Partial<L0Options>) {
  const context = await toyContext();
  const { model } = await l0({ ...QUICK, penalty: 1, ...options }).run({ model: toyModel() }, context);
  const event = context.events.find((one) => one.type === "metric" && one["name"] === "share of gates closed");
  return { model, closed: (event as unknown as { value: number }).value };
}

describe("prune/l0", () => {
  it("closes more gates when open ones cost more, and none when they cost nothing to speak of", async () => {
    const shares = [(await gated({ penalty: 0, rate: 1 })).closed, (await gated({ penalty: 1e4, rate: 100 })).closed];
    expect(shares[0]).toBe(0);
    expect(shares[1]).toBeGreaterThan(0.9);
  });

  it("prunes what is closed, in blocks where they have the gates", async () => {
    const { model, closed } = await gated({ penalty: 30, start: 0, pattern: "4x1", storage: "sparse" });
    expect(closed).toBeGreaterThan(0);
    let [gone, all] = [0, 0];
    for (const name of NAMES) {
      const stored = model.weights.get(name)!;
      const mask =
        stored.mask === undefined ? new Uint8Array(stored.shape[0] * stored.shape[1]).fill(1) : ((await stored.mask()).data as Uint8Array);
      const values = (await stored.dense()).data as Float32Array;
      mask.forEach((bit, at) => {
        const columns = stored.shape[1];
        const [row, column] = [Math.floor(at / columns), at % columns];
        expect(bit).toBe(mask[(row - (row % 4)) * columns + column]);
        if (bit === 0) expect(values[at]).toBe(0);
      });
      gone += mask.filter((bit) => bit === 0).length;
      all += mask.length;
    }
    expect(gone / all).toBeCloseTo(closed, 6);
  });

  it("gives the same bytes by the same seed", async () => {
    const hashes = [await (await gated({ steps: 4 })).model.hash(), await (await gated({ steps: 4 })).model.hash()];
    expect(hashes[0]).toBe(hashes[1]);
  });

  it("refuses a stretch that reaches neither 0 nor 1", () => {
    expect(() => l0({ ...QUICK, penalty: 1, low: 0.1 })).toThrow(/core\/options-invalid/);
    expect(() => l0({ ...QUICK, penalty: 1, high: 1 })).toThrow(/core\/options-invalid/);
  });
});
