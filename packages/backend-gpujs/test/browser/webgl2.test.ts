import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformanceNames } from "../../../../tools/browser/conformance.ts";
import { chromium, openPage, type Page } from "../../../../tools/browser/page.ts";
import { UNSUPPORTED } from "../../src/index.ts";
import { ARCHITECTURES, type Comparison } from "../models.ts";

describe.skipIf(chromium === undefined)("in Chromium", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(join(import.meta.dirname, "entry.ts"));
  }, 60_000);
  afterAll(() => page.close());

  test("kernels run on WebGL2, without a warning, and the page keeps its own GPU", async () => {
    expect(await page.call("open")).toEqual({ variant: "webgl2", warnings: [], sameGlobal: true });
  });

  test("a tensor beyond the largest texture is refused when a program is prepared", async () => {
    expect(await page.call("tooLarge")).toBe("backend-gpujs/tensor-too-large");
  });

  test("tensors over each other in one buffer are what they are on the reference", async () => {
    for (const seed of [1, 2]) expect(await page.call("memory", seed)).toBe(-1);
  });

  test("a program run again gives the same and keeps no further texture", async () => {
    const { found, textures } = await page.call<{ found: number[][]; textures: number[] }>("again", 8);
    expect(found).toEqual(found.map(() => [1, 1]));
    expect(textures.slice(3)).toEqual(textures.slice(3).map(() => textures[2]));
  });

  test.each(ARCHITECTURES)("%s gives the logits, the tokens and the trained weights of the reference", async (name) => {
    const found = await page.call<Comparison>("compare", name);
    expect(found.variant).toBe("webgl2");
    expect(found.fallbacks).toEqual([]);
    expect(found.generated[0]).toBe(found.generated[1]);
    expect(found.moved).toBeGreaterThan(0.01);
    for (const error of [found.logits, found.losses, found.weights]) expect(error).toBeLessThan(1e-4);
  });

  for (const name of conformanceNames({ skip: UNSUPPORTED })) {
    test(name, async () => expect(await page.call("run", name)).toBeUndefined());
  }

  test("reading after the context was lost fails, instead of giving zeros", async () => {
    expect(await page.call("lost")).toBe("backend-gpujs/driver-failed");
  });
});
