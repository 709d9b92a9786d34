/** The parametric law of Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models", equations 2–4. */
import { notPositive } from "./errors.ts";

/** Constants of L(N, D) = E + A/N^α + B/D^β: N parameters, D training tokens, L nats per token. */
export interface ChinchillaLaw {
  /** Loss that no size and no data would take away. */
  readonly E: number;
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** One training run. */
export interface Observation {
  /** N, parameters. */
  readonly params: number;
  /** D, training tokens. */
  readonly tokens: number;
  /** Final loss, nats per token. */
  readonly loss: number;
}

/** Loss the law expects of `params` parameters trained on `tokens` tokens. */
export function expectedLoss(law: ChinchillaLaw, params: number, tokens: number): number {
  return law.E + law.A * params ** -law.alpha + law.B * tokens ** -law.beta;
}

export interface Allocation {
  /** G = (αA/βB)^(1/(α+β)). */
  readonly G: number;
  /** N* = G·(C/6)^(β/(α+β)). */
  readonly params: number;
  /** D* = (1/G)·(C/6)^(α/(α+β)). */
  readonly tokens: number;
  /** Loss expected there. */
  readonly loss: number;
}

/**
 * The split of a compute budget C = 6·N·D between parameters and tokens that the law expects the lowest loss of (equation 4).
 *
 * @param flops C, training FLOPs; throws `scaling-laws/not-positive`.
 */
export function computeOptimal(law: ChinchillaLaw, flops: number): Allocation {
  if (!(flops > 0 && Number.isFinite(flops))) throw notPositive({ field: "flops", found: String(flops) });
  const { A, B, alpha, beta } = law;
  const G = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
  const params = G * (flops / 6) ** (beta / (alpha + beta));
  const tokens = (flops / 6) ** (alpha / (alpha + beta)) / G;
  return { G, params, tokens, loss: expectedLoss(law, params, tokens) };
}
