import { expect, test } from "vitest";
import { z } from "zod";
import { canonicalJson } from "./json.ts";
import { pipeline } from "./pipeline.ts";
import { createRegistry } from "./registry.ts";
import { isPluginRef, resolveRef, resolveStep, type PluginRef } from "./resolve.ts";
import { defineStage, defineSuite } from "./stage.ts";
import type { Context } from "./context.ts";
import type { Named } from "./plugin.ts";

const add = defineStage({
  id: "test/add",
  version: 3,
  package: "@pare/test",
  options: z.object({ by: z.number().default(1) }),
  run: async (state: { count: number }, { by }) => ({ count: state.count + by }),
});
const show = defineStage({
  id: "test/show",
  version: 1,
  package: "@pare/test",
  options: z.object({}),
  needs: ["count"],
  run: async (state: { count: number }) => ({ text: Object.entries(state).join() }),
});
const registry = createRegistry(add, show);

test("a step is its description and can be made from it again", async () => {
  const step = add({ by: 2 });
  const recipe = JSON.parse(canonicalJson({ use: step.use, version: step.version, ...(step.options as object) }));
  expect(recipe).toEqual({ use: "test/add", version: 3, by: 2 });
  const again = resolveStep(registry, recipe);
  expect(await pipeline<{ count: number }>().step(again).run({ count: 1 })).toEqual({ count: 3 });
  expect(resolveStep(registry, step)).toBe(step);
});

test("steps run in order over the state and get what they need alone", async () => {
  const out = await pipeline<{ count: number; other: string }>()
    .step(add({ by: 2 }))
    .step(add({}))
    .step(show({}))
    .run({ count: 1, other: "x" });
  expect(out).toEqual({ count: 4, other: "x", text: "count,4" });
});

test.each([
  [{ by: 2 }, "core/step-invalid"],
  ["test/add", "core/step-invalid"],
  [{ use: "test/ad" }, "core/plugin-unknown"],
  [{ use: "test/add", version: 2 }, "core/step-invalid"],
  [{ use: "test/add", by: "two" }, "core/options-invalid"],
  [{ use: "test/add", bye: 2 }, "core/option-unknown"],
])("the recipe entry %j is refused with %s", (entry, code) => {
  expect(() => resolveStep(registry, entry)).toThrow(expect.objectContaining({ code }));
});

test("a need that nobody gave is named when the types could not tell", async () => {
  const untyped = pipeline<any>().step(resolveStep(registry, { use: "test/show" }));
  await expect(untyped.run({ total: 1 })).rejects.toThrow(
    expect.objectContaining({ code: "core/state-missing", report: expect.objectContaining({ field: "count", found: "total" }) }),
  );
});

test("an option takes a value or names a plugin that makes it", () => {
  const half: Named<"objective", "test/half", (options: { of: number }) => number> = {
    kind: "objective",
    id: "test/half",
    version: 1,
    apiVersion: 1,
    package: "@pare/test",
    define: ({ of }) => of / 2,
  };
  const known = createRegistry(half);
  const resolve = (value: number | PluginRef): number =>
    resolveRef(known, "objective", value, (plugin, options) => plugin.define(options) as number);
  expect(resolve(7)).toBe(7);
  expect(resolve({ use: "test/half", of: 8 })).toBe(4);
  expect(() => resolve({ use: "test/third" })).toThrow(expect.objectContaining({ code: "core/plugin-unknown" }));
  expect(isPluginRef(add({}))).toBe(false);
});

test("a suite checks its options before it measures", async () => {
  let runs = 0;
  const suite = defineSuite({
    id: "test/suite",
    version: 1,
    package: "@pare/test",
    citation: "",
    options: z.object({ examples: z.int().default(5) }),
    run: async (subject: number, { examples }) => ({ metrics: { product: (++runs, subject * examples) } }),
  });
  expect(await suite.run(2, {}, {} as Context)).toEqual({ metrics: { product: 10 } });
  await expect(suite.run(2, { examples: 0.5 }, {} as Context)).rejects.toThrow(expect.objectContaining({ code: "core/options-invalid" }));
  expect(runs).toBe(1);
});
