import { expect, test } from "vitest";
import { openGpujs } from "../src/index.ts";
import { ARCHITECTURES, compareModels } from "./models.ts";

test.each(ARCHITECTURES)("%s gives the logits, the tokens and the trained weights of the reference on the CPU", async (name) => {
  const found = await compareModels(name, await openGpujs({ mode: "cpu" }));
  expect(found.variant).toBe("cpu");
  expect(found.fallbacks).toEqual([]);
  expect(found.generated[0]).toBe(found.generated[1]);
  expect(found.moved).toBeGreaterThan(0.01);
  for (const error of [found.logits, found.losses, found.weights]) expect(error).toBeLessThan(1e-4);
});
