/** The same outputs and gradients as the transformers library, for models that `tools/goldens` made with it. */
import { openWasm } from "@pare/backend-wasm";
import { openReference } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { compareGolden, generateGolden, goldenNames, openGolden } from "./goldens.ts";
import { registry } from "./models.ts";

describe.each(goldenNames())("%s", (name) => {
  it.each(["reference", "wasm"])("computes what transformers computes, forward and backward, on %s", async (kind) => {
    const device = kind === "reference" ? openReference() : await openWasm({ threads: 1 });
    const found = await compareGolden(await openGolden(name, registry), device);
    await device.close();
    // f32 sums in another order; relative for gradients, because their sizes differ by weight.
    expect(found.output).toBeLessThan(1e-4);
    expect(found.hidden).toBeLessThan(1e-4);
    expect(found.attention).toBeLessThan(1e-4);
    expect(found.gradient).toBeLessThan(1e-3);
  });

  it("continues prompts as transformers does, with caches and without", async () => {
    const device = openReference();
    const found = await generateGolden(await openGolden(name, registry), device);
    await device.close();
    if (found === undefined) return;
    expect(found.cached).toEqual(found.wanted);
    expect(found.whole).toEqual(found.wanted);
  });
});
