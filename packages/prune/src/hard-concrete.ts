/**
 * Gates in [0, 1] that close exactly and still have gradients: the hard concrete distribution of Louizos, Welling and Kingma (2018),
 * "Learning sparse neural networks through L0 regularization". Voita et al. (2019) put it on attention heads.
 */
import {
  add,
  div,
  f32,
  fork,
  i32,
  log,
  maximum,
  minimum,
  mul,
  randomUniform,
  sigmoid,
  sub,
  sum,
  type HostTensor,
  type Seed,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import type { Leaf, Parametrisation } from "@pare/training";
import { z } from "zod";

export interface HardConcreteSettings {
  /** λ: cost of the share of gates that is expected to be open. With n gates the paper's λ is this / n. */
  readonly penalty: number;
  /** β: towards 0 the gates become binary. */
  readonly temperature: number;
  /** γ < 0 and ζ > 1: how far the distribution is stretched beyond 0 and 1 before it is cut off there. */
  readonly low: number;
  readonly high: number;
  /** log α of all gates at first. */
  readonly start: number;
  /** Factor of the learning rate for log α. */
  readonly rate: number;
}

/** Fields of {@link HardConcreteSettings} for a stage's schema; the paper's values by default. */
export const gateFields: {
  readonly penalty: z.ZodNumber;
  readonly temperature: z.ZodDefault<z.ZodNumber>;
  readonly low: z.ZodDefault<z.ZodNumber>;
  readonly high: z.ZodDefault<z.ZodNumber>;
  readonly start: z.ZodDefault<z.ZodNumber>;
  readonly rate: z.ZodDefault<z.ZodNumber>;
} = {
  penalty: z.number().min(0).describe("λ: cost of the share of gates that is expected to be open"),
  temperature: z
    .number()
    .positive()
    .default(2 / 3)
    .describe("β: towards 0 gates become binary"),
  low: z.number().negative().default(-0.1).describe("γ: lower end of the stretched distribution"),
  high: z.number().gt(1).default(1.1).describe("ζ: its upper end"),
  start: z.number().default(2).describe("log α of all gates at first: 2 is 97 % open"),
  rate: z.number().positive().default(30).describe("factor of the learning rate for log α"),
};

/** {@link gateFields} as a recipe gives them. */
export interface HardConcreteOptions {
  readonly penalty: number;
  readonly temperature?: number | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly start?: number | undefined;
  readonly rate?: number | undefined;
}

const SEED = "gates/seed";
/** Keeps the logarithms of u and 1 − u finite. */
const EDGE = 1e-6;

/** log α of gates of this shape. */
export function gateLeaf(shape: readonly number[], { start, rate }: HardConcreteSettings): Leaf {
  const size = shape.reduce((product, axis) => product * axis, 1);
  return { shape, initial: async () => f32(shape, new Float32Array(size).fill(start)), group: "plain", rate };
}

/**
 * Gates drawn anew in every step: z = min(1, max(0, s(ζ − γ) + γ)) with s = σ((log u − log(1 − u) + log α) / β) and u uniform
 * (equations 10 and 11). Declares an input that {@link gateInputs} gives.
 *
 * @param stream tells the gates of one model apart.
 */
export function sampleGates(logAlpha: Value, { temperature, low, high }: HardConcreteSettings, stream: number, tracer: Tracer): Value {
  const drawn = randomUniform(tracer.input(SEED, "i32", [2]), logAlpha.shape, stream);
  const u = add(mul(drawn, 1 - 2 * EDGE), EDGE);
  const s = sigmoid(div(add(sub(log(u), log(sub(1, u))), logAlpha), temperature));
  return minimum(maximum(add(mul(s, high - low), low), 0), 1);
}

/** The seed of each step's draws. */
export function gateInputs(seed: Seed, use: string): NonNullable<Parametrisation["inputs"]> {
  const key = fork(seed, use);
  return (done) => ({ [SEED]: i32([2], [...fork(key, `step ${done}`)]) });
}

/** Σ P(z > 0) = Σ σ(log α − β log(−γ / ζ)), f32 `[]` (equation 12). */
export function expectedOpen(logAlpha: Value, { temperature, low, high }: HardConcreteSettings): Value {
  const axes = logAlpha.shape.map((_, axis) => axis);
  return sum(sigmoid(sub(logAlpha, temperature * Math.log(-low / high))), axes);
}

/** What gates are after training: min(1, max(0, σ(log α)(ζ − γ) + γ)) (equation 13); those of 0 are closed. */
export function finalGates({ data }: HostTensor, { low, high }: HardConcreteSettings): Float32Array {
  return Float32Array.from(data as Float32Array, (logAlpha) =>
    Math.min(1, Math.max(0, (1 / (1 + Math.exp(-logAlpha))) * (high - low) + low)),
  );
}
