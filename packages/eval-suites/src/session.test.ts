import { toyContext, toyModel, withQuantized, TEXT } from "@pare/training/testing";
import type { Chooser } from "@pare/tensor-core";
import { expect, it } from "vitest";
import { evaluate } from "./evaluate.ts";
import { perplexity } from "./perplexity.ts";

const weight = "layers.0.query";

it("lets the context's chooser pick how stored weights run, and tells its choices", async () => {
  const context = await toyContext();
  const asked: string[] = [];
  const chooser: Chooser = (choice) => {
    asked.push(`${choice.weight} ${choice.use}`);
    return Promise.resolve({ candidate: undefined, why: "the test says so" });
  };
  const suites = [{ use: perplexity, data: TEXT, separator: "\\n", examples: 4 }];
  const subject = withQuantized(toyModel(), weight);
  const { results } = await evaluate(subject, suites, { ...context, chooser });
  expect([...new Set(asked)]).toEqual([`${weight} linear`]);
  expect(context.events).toContainEqual({ type: "choice", what: `${weight} linear`, chosen: "dense", why: "the test says so" });

  const without = await toyContext();
  const { results: same } = await evaluate(subject, suites, without);
  expect(without.events).toContainEqual(expect.objectContaining({ type: "choice", chosen: expect.not.stringMatching(/^dense$/) }));
  expect(same[0]!.metrics["nll"]).toBeCloseTo(results[0]!.metrics["nll"]!, 4);
});
