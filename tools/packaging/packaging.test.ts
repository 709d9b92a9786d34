import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { packedFaults } from "./rules.ts";

const { hooks } = (await import(new URL("../../.pnpmfile.mjs", import.meta.url).href)) as {
  hooks: { beforePacking: (manifest: object) => object };
};

let folder: string;
afterEach(() => rmSync(folder, { recursive: true }));

function packed(files: Readonly<Record<string, unknown>>): string {
  folder = mkdtempSync(join(tmpdir(), "pare-pack-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

const manifest = {
  files: ["dist"],
  exports: {
    ".": { "@pare/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
    "./package.json": "./package.json",
  },
  dependencies: { zod: "4.0.0" },
  nx: { tags: [] },
};
const whole = { "README.md": "", LICENSE: "", "dist/index.js": "", "dist/index.d.ts": "" };

test("what the packing hook leaves of a manifest has no fault", () => {
  expect(packedFaults(packed({ ...whole, "package.json": hooks.beforePacking(manifest) }), "/home/who")).toEqual([]);
});

test("every leak is named", () => {
  const { LICENSE: _license, "dist/index.d.ts": _types, ...some } = whole;
  const faults = packedFaults(
    packed({
      ...some,
      "package.json": { ...manifest, dependencies: { a: "workspace:*", b: "catalog:" } },
      "src/a.test.ts": "",
      "dist/a.js.map": '{"sources":["/home/who/a.ts"]}',
    }),
    "/home/who",
  );
  const expected = [
    "nx belongs",
    "dependencies.a",
    "dependencies.b",
    "@pare/source",
    "./src/index.ts",
    "./dist/index.d.ts",
    "LICENSE is missing",
    "a.test.ts",
    "a.js.map names /home/who",
  ];
  expect(faults).toHaveLength(expected.length);
  for (const part of expected) expect(faults).toContainEqual(expect.stringContaining(part));
});
