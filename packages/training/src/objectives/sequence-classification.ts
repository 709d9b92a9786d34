import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { abs, add, exp, log, mul, relu, sub, sum, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Objective, ObjectivePlugin, ObjectiveScope } from "../objective.ts";
import { crossEntropyLoss } from "./next-token.ts";

const ID = "sequence-classification";
const options: z.ZodObject<{}> = z.object({});

/**
 * By what the head is for: one class of all – mean negative log likelihood; any of several – mean binary cross-entropy of each class;
 * numbers – mean squared error.
 */
export function sequenceClassification(): Objective {
  return { use: ID, version: 1, options: {}, models: [], tasks: [ID], loss };
}

function loss(scope: ObjectiveScope): Value {
  const output = scope.forward(scope.inputs);
  const { kind = "single" } = scope.head;
  if (kind === "single") return crossEntropyLoss(scope, output);
  const each = kind === "multiple" ? binaryCrossEntropy(output, scope.targets) : squared(sub(output, scope.targets));
  return mul(sum(mul(each, scope.counted), [0, 1]), scope.weight);
}

/** log(1 + eˣ) − t·x, with the exponential of a negative number alone: max(x, 0) + log(1 + e^−|x|) − t·x. */
function binaryCrossEntropy(x: Value, t: Value): Value {
  return sub(add(relu(x), log(add(exp(mul(abs(x), -1)), 1))), mul(t, x));
}

function squared(x: Value): Value {
  return mul(x, x);
}

export const sequenceClassificationObjective: ObjectivePlugin<typeof ID, z.input<typeof options>> = {
  kind: "objective",
  id: ID,
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/training",
  jsonSchema: jsonSchemaOf(options),
  define: { options, create: sequenceClassification },
};
