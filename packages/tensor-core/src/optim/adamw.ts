import type { Value } from "../graph.ts";
import { f32, type HostTensor } from "../host.ts";
import { adamwStep } from "../ops/adamw.ts";
import type { OptimizerInputs } from "./optimizer.ts";

/** What a step of AdamW is told on the host; left out: β₁ 0.9, β₂ 0.999, ε 10⁻⁸, no decay, gradients as they are. */
export interface AdamwSettings {
  readonly learningRate: number;
  /** Steps taken before this one: 0 for the first. */
  readonly step: number;
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly weightDecay?: number | undefined;
  /** Factor of every gradient: 1 / batches summed, or of a loss scale. */
  readonly gradientScale?: number | undefined;
}

/** Hyperparameters of one step, f32 `[8]`, as the op `adamw` reads them. */
export function adamwHyper(settings: AdamwSettings): HostTensor {
  const { learningRate, step, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, gradientScale = 1 } = settings;
  return f32([8], [learningRate, beta1, beta2, epsilon, weightDecay, 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1), gradientScale]);
}

/** Names of the States that AdamW keeps beside the parameter of this name, shaped as it and zero at first. */
export function adamwStates(parameter: string): { readonly m: string; readonly v: string } {
  return { m: `${parameter}/m`, v: `${parameter}/v` };
}

/** Updates every parameter and its moments in place. Throws `tensor-core/state-misused` for a parameter that is no State. */
export function adamw({ tracer, parameters, gradients, hyper }: OptimizerInputs): void {
  for (const [name, parameter] of Object.entries(parameters)) {
    const names = adamwStates(name);
    const state = (moment: string): Value => tracer.state(moment, parameter.dtype, parameter.shape);
    const [m, v] = [state(names.m), state(names.v)];
    const next = adamwStep({ parameter, gradient: gradients[name]!, m, v, hyper: hyper(name) });
    tracer.assign(parameter, next.parameter);
    tracer.assign(m, next.m);
    tracer.assign(v, next.v);
  }
}
