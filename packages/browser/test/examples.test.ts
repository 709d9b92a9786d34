/** The examples of `docs/examples` in a real browser, over a model that is made here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryFiles } from "@pare/core";
import { describe, expect, test } from "vitest";
import { makeModel } from "../../../docs/examples/vite/model.ts";
import { oneModule } from "../bundle.ts";
import { bundle, chromium, openSite, type SiteFiles } from "../../../tools/browser/page.ts";

const EXAMPLES = join(import.meta.dirname, "../../../docs/examples");

async function modelFiles(): Promise<Map<string, Uint8Array>> {
  const files = memoryFiles();
  await makeModel(files);
  return new Map(await Promise.all((await files.list()).map(async (name) => [name, await files.read(name)] as const)));
}

describe.skipIf(chromium === undefined)("examples in Chromium", () => {
  test.each([
    [true, 2],
    [false, 1],
  ])("the Vite example, cross-origin isolated: %s", async (isolated, threads) => {
    const model = [...(await modelFiles())].map(([name, bytes]) => [`model/${name}`, bytes] as const);
    const files: SiteFiles = new Map([...(await bundle({ root: join(EXAMPLES, "vite") })), ...model]);
    const site = await openSite(files, { isolated });
    try {
      await site.tab.click("#run");
      await site.tab.waitForSelector("#save:not([hidden])");
      const rows = await site.tab.$$eval("#rows tr", (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
      const [loaded, trained, pruned, rounded] = rows.map(([, loss, bytes]) => [Number(loss), Number(bytes!.replaceAll(",", ""))]);
      expect(rows.map(([step]) => step)).toEqual(["as loaded", "train/finetune", "prune/magnitude", "quantize/round-to-nearest"]);
      expect(trained![0]).toBeLessThan(0.6 * loaded![0]!);
      expect(trained![1]).toBe(loaded![1]);
      expect(pruned![1]).toBeLessThan(0.8 * loaded![1]!);
      expect(rounded![1]).toBeLessThan(0.4 * loaded![1]!);
      expect(Math.abs(rounded![0]! - pruned![0]!)).toBeLessThan(0.05);
      expect(await site.tab.textContent("#device")).toMatch(new RegExp(`^wasm, .*, ${threads} threads$`));
      const warning = await site.tab.textContent("#warnings");
      if (isolated) expect(warning).toBe("");
      else expect(warning).toContain("runs on 1 thread instead of 2: the page is not cross-origin isolated");
      expect(site.messages).toEqual([]);
    } finally {
      await site.close();
    }
  });

  test("one module from a script tag", async () => {
    const module = await bundle(oneModule);
    expect([...module.keys()]).toEqual(["pare.js"]);
    const site = await openSite(new Map([...module, ["index.html", readFileSync(join(EXAMPLES, "script-tag/index.html"))]]));
    try {
      const files = [...(await modelFiles())].map(([name, bytes]) => ({ name, mimeType: "", buffer: Buffer.from(bytes) }));
      await site.tab.setInputFiles("#files", files);
      await site.tab.waitForSelector("#save:not([hidden])");
      const [, before, after] = /(\d+) bytes before, (\d+) after/.exec((await site.tab.textContent("#said"))!)!;
      expect(Number(after)).toBeLessThan(0.4 * Number(before));
      expect(await site.tab.textContent("#said")).toContain("It says: ");
      expect(site.messages).toEqual([]);
    } finally {
      await site.close();
    }
  });
});
