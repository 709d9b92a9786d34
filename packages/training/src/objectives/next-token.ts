import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { crossEntropy, mul, reshape, sum, symbolicSize, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Objective, ObjectivePlugin, ObjectiveScope } from "../objective.ts";

const options: z.ZodObject<{}> = z.object({});

/** Mean negative log likelihood in nats of the tokens to predict, each given all before it (teacher forcing). */
export function nextToken(): Objective {
  return { use: "next-token", version: 1, options: {}, models: [], loss: (scope) => crossEntropyLoss(scope, scope.forward(scope.inputs)) };
}

/** −Σ log p(target) · weight over the positions with a target. */
export function crossEntropyLoss({ targets, weight }: Pick<ObjectiveScope, "targets" | "weight">, logits: Value): Value {
  const rows = symbolicSize(targets.shape);
  const flat = reshape(logits, [rows, logits.shape[2]]);
  return mul(sum(crossEntropy(flat, reshape(targets, [rows])), [0]), weight);
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
