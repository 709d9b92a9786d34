import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformanceNames } from "../../../../tools/browser/conformance.ts";
import { chromium, openPage, type Page } from "../../../../tools/browser/page.ts";

describe.skipIf(chromium === undefined)("in Chromium", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(join(import.meta.dirname, "entry.ts"));
  }, 60_000);
  afterAll(() => page.close());
  for (const name of conformanceNames({})) {
    test(name, async () => expect(await page.call("run", name)).toBeUndefined());
  }
});
