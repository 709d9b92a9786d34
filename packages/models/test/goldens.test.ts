/** The same outputs and gradients as the transformers library, for models that `tools/goldens` made with it. */
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compareGolden, openGolden } from "./goldens.ts";
import { registry } from "./models.ts";

describe.each(readdirSync(`${import.meta.dirname}/goldens`))("%s", (name) => {
  it("computes what transformers computes, forward and backward", async () => {
    const found = await compareGolden(await openGolden(name, registry));
    // f32 sums in another order; relative for gradients, because their sizes differ by weight.
    expect(found.output).toBeLessThan(1e-4);
    expect(found.hidden).toBeLessThan(1e-4);
    expect(found.attention).toBeLessThan(1e-4);
    expect(found.gradient).toBeLessThan(1e-3);
  });
});
