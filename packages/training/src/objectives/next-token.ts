import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { crossEntropy, mul, sum, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Objective, ObjectivePlugin, ObjectiveScope } from "../objective.ts";

const options: z.ZodObject<{}> = z.object({});

/** Mean negative log likelihood in nats of the tokens to predict, each given all before it (teacher forcing). */
export function nextToken(): Objective {
  return {
    use: "next-token",
    version: 1,
    options: {},
    models: [],
    tasks: ["next-token"],
    loss: (scope) => crossEntropyLoss(scope, scope.forward(scope.inputs)),
  };
}

/** −Σ log p(target) · weight over all that is wanted of a model's output, whatever its head chooses among. */
export function crossEntropyLoss({ choices, weight }: Pick<ObjectiveScope, "choices" | "weight">, output: Value): Value {
  const { logits, targets } = choices(output);
  return mul(sum(crossEntropy(logits, targets), [0]), weight);
}

/** The objective `next-token`: the language model's own, and an encoder–decoder's with the right answers. */
export const nextTokenObjective: ObjectivePlugin<"next-token", z.input<typeof options>> = {
  kind: "objective",
  id: "next-token",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/training",
  jsonSchema: jsonSchemaOf(options),
  define: { options, create: nextToken },
};
