import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { add, exp, greater, logSoftmax, mul, sub, sum, type Value } from "@pare/tensor-core";
import { crossEntropyLoss, type Objective, type ObjectivePlugin, type ObjectiveScope } from "@pare/training";
import { z } from "zod";

export interface SoftTargetsSettings {
  /** T: what both models' logits are divided by. Default 2. */
  readonly temperature?: number | undefined;
  /** α: weight of the hard loss; the soft one has 1 − α. Default 0.5. */
  readonly alpha?: number | undefined;
}

/** Fields of {@link SoftTargetsSettings} for a schema. */
export const softTargetsFields: { readonly temperature: z.ZodDefault<z.ZodNumber>; readonly alpha: z.ZodDefault<z.ZodNumber> } = {
  temperature: z.number().positive().default(2).describe("what both models' logits are divided by"),
  alpha: z.number().min(0).max(1).default(0.5).describe("weight of the hard loss; the soft one has the rest"),
};

const options: z.ZodType<{ readonly temperature: number; readonly alpha: number }, SoftTargetsSettings> = z.object(softTargetsFields);

/**
 * α · CE(student, targets) + (1 − α) · T² · KL(softmax(teacher / T) ‖ softmax(student / T)), each the mean over the predicted
 * tokens (Hinton, Vinyals and Dean 2015, section 2: T² keeps the soft gradients' size when T changes). The teacher runs in the
 * same program; its logits never leave the device. α = 1 runs no teacher, α = 0 reads no targets but their places.
 */
export function softTargets({ temperature = 2, alpha = 0.5 }: SoftTargetsSettings = {}): Objective {
  const loss = (scope: ObjectiveScope): Value => {
    const student = scope.forward(scope.inputs);
    const hard = alpha === 0 ? undefined : mul(crossEntropyLoss(scope, student), alpha);
    if (alpha === 1) return hard!;
    const divergence = divergenceLoss(scope, scope.frozen("teacher")(scope.inputs), student, temperature);
    const soft = mul(divergence, (1 - alpha) * temperature ** 2);
    return hard === undefined ? soft : add(hard, soft);
  };
  return { use: "soft-targets", version: 1, options: { temperature, alpha }, models: alpha === 1 ? [] : ["teacher"], loss };
}

/** Σ KL(softmax(teacher / T) ‖ softmax(student / T)) · weight over all choices that are wanted: tokens, labels, places of a span. */
function divergenceLoss({ choices, weight }: ObjectiveScope, teacher: Value, student: Value, temperature: number): Value {
  const [theirs, ours] = [choices(teacher), choices(student)];
  const wanted = logSoftmax(mul(theirs.logits, 1 / temperature));
  const found = logSoftmax(mul(ours.logits, 1 / temperature));
  const each = sum(mul(exp(wanted), sub(wanted, found)), [1]);
  return mul(sum(mul(each, greater(ours.targets, -1)), [0]), weight);
}

/** The objective `soft-targets`; reads `teacher` from the run state. */
export const softTargetsObjective: ObjectivePlugin<"soft-targets", SoftTargetsSettings> = {
  kind: "objective",
  id: "soft-targets",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/distill",
  jsonSchema: jsonSchemaOf(options),
  define: { options, create: softTargets },
};
