import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../workspace.ts";
import { catalogue, page } from "./catalogue.ts";

const entries = await catalogue(ROOT);

test("docs/errors.md lists the catalogue (write it with tools/errors/write.ts)", () => {
  expect(readFileSync(join(ROOT, "docs/errors.md"), "utf8")).toBe(page(entries));
});

test("codes are unique, in kebab case, and begin with their package", () => {
  const codes = entries.map(({ code }) => code);
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  expect(entries.filter(({ package: name, code }) => !new RegExp(`^${name}/[a-z0-9]+(-[a-z0-9]+)*$`).test(code))).toEqual([]);
});

test("each says when it is met in a sentence", () => {
  expect(entries.filter(({ summary }) => !/ .*\.$/s.test(summary))).toEqual([]);
});
