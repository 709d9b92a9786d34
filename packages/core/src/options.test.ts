import type { StandardSchemaV1 } from "@standard-schema/spec";
import { expect, test } from "vitest";
import { z } from "zod";
import { checkOptions, jsonSchemaOf } from "./options.ts";

const schema = z.object({
  bits: z.int().min(2).max(8),
  group: z.object({ size: z.int().default(32) }).default({ size: 32 }),
  mode: z.enum(["row", "matrix"]).default("row"),
});
const failure = (code: string, report: object = {}): object => expect.objectContaining({ code, report: expect.objectContaining(report) });

test("defaults are filled in and written down", () => {
  const { value, json } = checkOptions("q", schema, { bits: 4 });
  expect(value).toEqual({ bits: 4, group: { size: 32 }, mode: "row" });
  expect(json).toEqual(value);
});

test("a wrong type names the option and what was found", () => {
  expect(() => checkOptions("q", schema, { bits: 4, group: { size: "big" } })).toThrow(
    failure("core/options-invalid", { file: "q", field: "group.size", found: '"big"' }),
  );
  expect(() => checkOptions("q", schema, {})).toThrow(failure("core/options-invalid", { field: "bits", found: "nothing" }));
  expect(() => checkOptions("q", schema, 3)).toThrow(failure("core/options-invalid", { field: "options" }));
});

test("a misspelt option is refused at any depth, though the schema would drop it", () => {
  expect(() => checkOptions("q", schema, { bits: 4, mod: "row" })).toThrow(
    failure("core/option-unknown", { field: "mod", near: ["mode"] }),
  );
  expect(() => checkOptions("q", schema, { bits: 4, group: { sise: 8 } })).toThrow(
    failure("core/option-unknown", { field: "group.sise", near: ["size"] }),
  );
  const optional = z.object({ minChars: z.number().optional() });
  expect(() => checkOptions("p", optional, { minchars: 3 })).toThrow(failure("core/option-unknown", { near: ["minChars"] }));
});

test("where the schema makes something that is not JSON, what was given is written down", () => {
  const pattern = z.object({ separator: z.string().transform((text) => new RegExp(text)) });
  const { value, json } = checkOptions("p", pattern, { separator: "a+" });
  expect(value.separator.test("caab")).toBe(true);
  expect(json).toEqual({ separator: "a+" });
});

test("a misspelt option is refused there too, as far as the schema says its names", () => {
  const pattern = z.object({
    separator: z
      .string()
      .default(",")
      .transform((text) => new RegExp(text)),
  });
  expect(() => checkOptions("p", pattern, { seperator: "a+" })).toThrow(
    failure("core/option-unknown", { field: "seperator", near: ["separator"] }),
  );
  const renaming: StandardSchemaV1<{ n: number }, { m: number }> = {
    "~standard": { version: 1, vendor: "own", validate: (value) => ({ value: { m: (value as { n: number }).n } }) },
  };
  expect(checkOptions("r", renaming, { n: 1 })).toEqual({ value: { m: 1 }, json: { n: 1 } });
});

test("where validating twice would change the value, what was given is written down", () => {
  const doubled = z.object({ n: z.number().transform((n) => n * 2) });
  const { value, json } = checkOptions("d", doubled, { n: 3 });
  expect(value.n).toBe(6);
  expect(json).toEqual({ n: 3 });
});

test("options that are not JSON are refused", () => {
  expect(() => checkOptions("q", z.object({ f: z.any() }), { f: () => 1 })).toThrow(failure("core/not-json", { field: "options.f" }));
});

test("a live value reaches the code as it is and is written as its reference", () => {
  const live = { use: "objective/kl", version: 1, options: { temperature: 2 }, loss: () => 0 };
  const { value, json } = checkOptions("d", z.object({ objective: z.any() }), { objective: live });
  expect(value.objective).toBe(live);
  expect(json).toEqual({ objective: { use: "objective/kl", version: 1, temperature: 2 } });
});

test("a schema that validates asynchronously is refused", () => {
  const slow: StandardSchemaV1 = { "~standard": { version: 1, vendor: "slow", validate: async (value) => ({ value }) } };
  expect(() => checkOptions("s", slow, {})).toThrow(failure("core/options-async", { file: "s" }));
});

test("any Standard Schema serves; only some can say their JSON Schema", () => {
  const own: StandardSchemaV1<{ n: number }> = {
    "~standard": {
      version: 1,
      vendor: "own",
      validate: (value) =>
        (value as { n: number }).n > 0 ? { value: value as { n: number } } : { issues: [{ message: "n > 0", path: [{ key: "n" }] }] },
    },
  };
  expect(checkOptions("o", own, { n: 1 }).value).toEqual({ n: 1 });
  expect(() => checkOptions("o", own, { n: 0 })).toThrow(failure("core/options-invalid", { message: "n > 0", field: "n", found: "0" }));
  expect(jsonSchemaOf(own)).toBeUndefined();
  expect(jsonSchemaOf(schema)).toMatchObject({ type: "object", required: ["bits"], properties: { bits: { minimum: 2 } } });
});
