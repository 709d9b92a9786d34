import { join } from "node:path";
import { SPARSE_OPS } from "@pare/sparse-kernels";
import { SPARSE_UNSUPPORTED } from "@pare/sparse-kernels/gpujs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformanceNames } from "../../../../tools/browser/conformance.ts";
import { chromium, openPage, type Page } from "../../../../tools/browser/page.ts";

describe.skipIf(chromium === undefined)("in Chromium", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(join(import.meta.dirname, "entry.ts"));
  }, 60_000);
  afterAll(() => page.close());
  describe.each([
    ["webgpu", {}],
    ["gpujs", SPARSE_UNSUPPORTED],
  ])("%s", (device, skip) => {
    for (const name of conformanceNames({ ops: SPARSE_OPS, skip })) {
      test(name, async () => expect(await page.call(device, name)).toBeUndefined());
    }
  });
});
