import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformanceNames } from "../../../../tools/browser/conformance.ts";
import { chromium, openPage, type Page } from "../../../../tools/browser/page.ts";
import { UNSUPPORTED } from "../../src/index.ts";

describe.skipIf(chromium === undefined)("in Chromium", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(join(import.meta.dirname, "entry.ts"));
  });
  afterAll(() => page.close());
  for (const name of conformanceNames({ skip: UNSUPPORTED })) {
    test(name, async () => expect(await page.call("run", name)).toBeUndefined());
  }
});
