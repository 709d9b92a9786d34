import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformanceNames } from "../../../../tools/browser/conformance.ts";
import { chromium, openPage, type Page } from "../../../../tools/browser/page.ts";

describe.skipIf(chromium === undefined)("in Chromium", () => {
  let page: Page;
  let left: Readonly<Record<string, string>>;
  beforeAll(async () => {
    page = await openPage(join(import.meta.dirname, "entry.ts"));
    left = await page.call("left");
  }, 60_000);
  afterAll(() => page.close());
  for (const name of conformanceNames({})) {
    test(name, async ({ skip }) => {
      const why = left[name.split(":")[0]!];
      if (why !== undefined) skip(why);
      expect(await page.call("run", name)).toBeUndefined();
    });
  }
});
