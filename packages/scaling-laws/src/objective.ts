/** What the fit minimises: the summed Huber loss of log residuals (Hoffmann et al. 2022, equation 3). */
import type { ChinchillaLaw, Observation } from "./chinchilla.ts";
import type { Differentiable } from "./lbfgs.ts";

/** Logarithms of the observations, taken once. */
export interface LogData {
  readonly params: Float64Array;
  readonly tokens: Float64Array;
  readonly loss: Float64Array;
}

export function logData(observations: readonly Observation[]): LogData {
  return {
    params: Float64Array.from(observations, ({ params }) => Math.log(params)),
    tokens: Float64Array.from(observations, ({ tokens }) => Math.log(tokens)),
    loss: Float64Array.from(observations, ({ loss }) => Math.log(loss)),
  };
}

/** The vector that is fitted: [log A, log B, log E, α, β], so that A, B and E stay positive. */
export function lawOf(x: ArrayLike<number>): ChinchillaLaw {
  return { E: Math.exp(x[2]!), A: Math.exp(x[0]!), B: Math.exp(x[1]!), alpha: x[3]!, beta: x[4]! };
}

/**
 * Σᵢ wᵢ · Huber_δ(log-sum-exp(a − α·log Nᵢ, b − β·log Dᵢ, e) − log Lᵢ), with its gradient.
 *
 * @param weights how often each observation counts (a bootstrap draw); without them each counts once.
 */
export function objective(data: LogData, delta: number, weights?: ArrayLike<number>): Differentiable {
  const { params, tokens, loss } = data;
  return (x, gradient) => {
    const [a, b, e, alpha, beta] = x as unknown as [number, number, number, number, number];
    let sum = 0;
    gradient.fill(0);
    for (let i = 0; i < loss.length; i++) {
      const weight = weights === undefined ? 1 : weights[i]!;
      if (weight === 0) continue;
      const inParams = a - alpha * params[i]!;
      const inTokens = b - beta * tokens[i]!;
      const top = Math.max(inParams, inTokens, e);
      const u = Math.exp(inParams - top);
      const v = Math.exp(inTokens - top);
      const w = Math.exp(e - top);
      const total = u + v + w;
      const residual = top + Math.log(total) - loss[i]!;
      const size = Math.abs(residual);
      sum += weight * (size <= delta ? 0.5 * residual * residual : delta * (size - 0.5 * delta));
      const pull = (weight * (size <= delta ? residual : delta * Math.sign(residual))) / total;
      gradient[0]! += pull * u;
      gradient[1]! += pull * v;
      gradient[2]! += pull * w;
      gradient[3]! -= pull * u * params[i]!;
      gradient[4]! -= pull * v * tokens[i]!;
    }
    return sum;
  };
}
