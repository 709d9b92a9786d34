/** How long and how fast: the options that every training stage shares. */
import { constantSchedule, cosineSchedule, linearSchedule, type Schedule } from "@pare/tensor-core";
import { z } from "zod";

export interface TrainSettings {
  /** Optimizer steps; exactly one of `steps` and `epochs` is given. */
  readonly steps?: number | undefined;
  /** Passes over the data. */
  readonly epochs?: number | undefined;
  /** Examples per step. */
  readonly batch: number;
  /** Passes that a step's batch is divided into, their gradients added up: the same step up to rounding, from less memory. */
  readonly accumulate: number;
  /** Computes each layer's activations anew in the backward pass instead of keeping them: the same gradients from less memory, for more time. */
  readonly remat: boolean;
  /** Peak learning rate. */
  readonly learningRate: number;
  /** After warm-up: constant, falling in a line to 0, or along half a cosine to 0. */
  readonly schedule: "constant" | "linear" | "cosine";
  /** Steps over which the rate rises from 0. */
  readonly warmup: number;
  readonly weightDecay: number;
  /** Largest L2 norm of all gradients together; 0: not clipped. */
  readonly clip: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** {@link TrainSettings} as a recipe gives them: what is left out has the default that `trainFields` says. */
export type TrainOptionsGiven = { readonly [Name in keyof TrainSettings]?: TrainSettings[Name] | undefined };

/** Fields of {@link TrainSettings} for a stage's schema. */
export const trainFields: {
  readonly steps: z.ZodOptional<z.ZodNumber>;
  readonly epochs: z.ZodOptional<z.ZodNumber>;
  readonly batch: z.ZodDefault<z.ZodNumber>;
  readonly accumulate: z.ZodDefault<z.ZodNumber>;
  readonly remat: z.ZodDefault<z.ZodBoolean>;
  readonly learningRate: z.ZodDefault<z.ZodNumber>;
  readonly schedule: z.ZodDefault<z.ZodEnum<{ constant: "constant"; linear: "linear"; cosine: "cosine" }>>;
  readonly warmup: z.ZodDefault<z.ZodNumber>;
  readonly weightDecay: z.ZodDefault<z.ZodNumber>;
  readonly clip: z.ZodDefault<z.ZodNumber>;
  readonly beta1: z.ZodDefault<z.ZodNumber>;
  readonly beta2: z.ZodDefault<z.ZodNumber>;
  readonly epsilon: z.ZodDefault<z.ZodNumber>;
} = {
  steps: z.int().min(1).optional().describe("optimizer steps; give this or epochs"),
  epochs: z.number().positive().optional().describe("passes over the data; give this or steps"),
  batch: z.int().min(1).default(32).describe("examples per step"),
  accumulate: z.int().min(1).default(1).describe("passes that a step's batch is divided into: less memory, the same step up to rounding"),
  remat: z.boolean().default(false).describe("compute activations anew in the backward pass: less memory, the same gradients, more time"),
  learningRate: z.number().positive().default(1e-3).describe("peak learning rate of AdamW"),
  schedule: z.enum(["constant", "linear", "cosine"]).default("cosine").describe("learning rate after warm-up"),
  warmup: z.int().min(0).default(0).describe("steps over which the learning rate rises from 0"),
  weightDecay: z.number().min(0).default(0.01).describe("decoupled weight decay of linear and rows weights"),
  clip: z.number().min(0).default(1).describe("largest L2 norm of all gradients together; 0: not clipped"),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  epsilon: z.number().positive().default(1e-8),
};

/** A schema's check on {@link trainFields}, and the words for it. */
export function oneLength({ steps, epochs }: Pick<TrainSettings, "steps" | "epochs">): boolean {
  return (steps === undefined) !== (epochs === undefined);
}
export const ONE_LENGTH: { readonly message: string; readonly path: string[] } = {
  message: "give one of `steps` and `epochs`",
  path: ["steps"],
};

/** Optimizer steps of a run, at least 1. */
export function stepsOf({ steps, epochs = 1 }: TrainSettings, batchesPerEpoch: number): number {
  return steps ?? Math.max(1, Math.round(epochs * batchesPerEpoch));
}

/** Learning rates of a run of this many steps. */
export function scheduleOf({ learningRate: peak, schedule, warmup }: TrainSettings, steps: number): Schedule {
  if (schedule === "constant") return constantSchedule({ peak, warmup });
  return (schedule === "linear" ? linearSchedule : cosineSchedule)({ peak, warmup, steps });
}
