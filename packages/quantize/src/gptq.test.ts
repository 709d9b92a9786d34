import { withWeights, type Checkpoint } from "@pare/models";
import { denseOf, f32 } from "@pare/tensor-core";
import { toCsr } from "@pare/sparse-kernels";
import { describe, expect, it } from "vitest";
import { LINES, logitsOf, toyContext, toyModel } from "@pare/training/testing";
import { gptq, type GptqOptions } from "./gptq.ts";
import { roundToNearest } from "./round-to-nearest.ts";

const WEIGHT = "layers.1.query";
/** Twelve letters in their order, as the calibration data has them. */
const ROWS = Array.from({ length: 12 }, (_, start) => [1, ...Array.from({ length: 12 }, (_, i) => 3 + start + i)]);

async function rounded(options: Partial<GptqOptions>, model: Checkpoint = toyModel()): Promise<Checkpoint> {
  return (await gptq({ bits: 3, data: LINES, ...options }).run({ model }, await toyContext())).model;
}

describe("quantize/gptq", () => {
  it("rounds the layers' linear weights alone, and says so and what it saw", async () => {
    const { weights, provenance } = await rounded({ bits: 4 });
    expect(["embedding", "layers.0.query", "layers.1.output", "norm"].map((name) => weights.get(name)!.storage)).toEqual([
      "dense",
      "affine",
      "affine",
      "dense",
    ]);
    const options = { bits: 4, symmetric: true, granularity: "channel", groupSize: 32, activationOrder: true, sequential: true };
    expect(provenance.deeds).toMatchObject([{ use: "quantize/gptq", version: 2, options, seed: 5 }]);
    expect(provenance.seen).toMatchObject([{ data: "text" }]);
  });

  it("stays closer to the original than rounding to the nearest, and gives the same bytes again", async () => {
    const distance = async (model: Checkpoint): Promise<number> => {
      let total = 0;
      for (const tokens of ROWS) {
        const original = await logitsOf(toyModel(), tokens);
        total += (await logitsOf(model, tokens)).reduce((sum, value, i) => sum + (value - original[i]) ** 2, 0);
      }
      return total;
    };
    const { model: nearest } = await roundToNearest({ bits: 3 }).run({ model: toyModel() }, await toyContext());
    for (const activationOrder of [false, true])
      expect((await distance(await rounded({ activationOrder }))) / (await distance(nearest))).toBeLessThan(0.8);
    expect(await (await rounded({})).hash()).toBe(await (await rounded({})).hash());
  });

  it("takes as many bytes as bits and groups say", async () => {
    const { weights } = await rounded({ granularity: "group", groupSize: 6, symmetric: false });
    expect(weights.get(WEIGHT)!.bytes).toBe(16 * 6 + 16 * 3 * 5);
  });

  it("keeps the zeros of a pruned weight, and leaves one sparse that codes would make larger", async () => {
    const data = Float32Array.from({ length: 256 }, (_, at) => (at % 2 === 0 ? 0 : Math.sin(at)));
    const mask = { dtype: "u8" as const, shape: [16, 16], data: Uint8Array.from(data, (value) => (value === 0 ? 0 : 1)) };
    const pruned = withWeights(toyModel(), [[WEIGHT, denseOf(f32([16, 16], data), mask)]]);
    const found = (await rounded({}, pruned)).weights.get(WEIGHT)!;
    ((await found.dense()).data as Float32Array).forEach((value, at) => at % 2 === 0 && expect(value === 0).toBe(true));
    const one = withWeights(toyModel(), [
      [
        WEIGHT,
        toCsr(
          f32(
            [16, 16],
            Float32Array.from(data, (value, at) => (at === 9 ? value : 0)),
          ),
        ),
      ],
    ]);
    expect((await rounded({ bits: 8 }, one)).weights.get(WEIGHT)!.storage).toBe("sparse/csr");
  });

  it("refuses what is quantized already, values that are not finite, and unknown options", async () => {
    await expect(rounded({}, await rounded({}))).rejects.toMatchObject({ code: "quantize/already-quantized" });
    const broken = withWeights(toyModel(), [["layers.0.query", denseOf(f32([16, 16], new Float32Array(256).fill(NaN)))]]);
    await expect(rounded({}, broken)).rejects.toThrow(/finite/);
    expect(() => gptq({ bits: 1, data: LINES })).toThrow(/core\/options-invalid/);
    expect(() => gptq({ bits: 4, data: LINES, damping: 0 })).toThrow(/damping/);
  });
});
