import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromium, openPage, type Page } from "../../../../tools/browser/page.ts";
import type { Rounded, Step } from "./models-entry.ts";

describe.skipIf(chromium === undefined)("models in Chromium", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(join(import.meta.dirname, "models-entry.ts"));
  }, 60_000);
  afterAll(() => page.close());

  test.each(["llama", "encoder-decoder"])(
    "one training step of a small %s is the reference's",
    async (name) => {
      const { variant, tensors, elements, worst } = await page.call<Step>("step", name);
      console.log(`${variant}: ${tensors} tensors of ${name}, ${elements} elements, differ by at most ${worst.toExponential(1)}`);
      expect(tensors).toBeGreaterThan(30);
      expect(worst).toBeLessThan(2e-5);
    },
    300_000,
  );

  test("weights of f16 meet rounded activations where the adapter computes in f16, and are widened where it does not", async () => {
    const { variant, choices, worst } = await page.call<Rounded>("rounded");
    console.log(`${variant}: ${choices.join("; ")}; logits differ by at most ${worst.toExponential(1)}`);
    expect(choices).toEqual([
      variant.endsWith("f16")
        ? "linear-f16: rounded activations were asked for"
        : "linear-half: no kernel here rounds activations for this storage; first candidate of the storage",
    ]);
    expect(worst).toBeLessThan(variant.endsWith("f16") ? 3e-2 : 2e-5);
  });

  test("training makes the loss fall", async () => {
    const losses = await page.call<number[]>("losses");
    console.log(`losses: ${losses.map((loss) => loss.toFixed(3)).join(", ")}`);
    expect(losses.length).toBeGreaterThan(1);
    expect(losses.at(-1)!).toBeLessThan(0.6 * losses[0]!);
  }, 300_000);

  test.each(["llama", "encoder-decoder"])(
    "a small %s generates the reference's tokens with its caches",
    async (name) => {
      const [found, expected] = await page.call<number[][]>("generated", name);
      expect(found).toHaveLength(6);
      expect(found).toEqual(expected);
    },
    300_000,
  );
});
