import { f32, type HostTensor } from "../host.ts";
import { sgdStep } from "../ops/sgd.ts";
import type { OptimizerInputs } from "./optimizer.ts";

/** What a step of gradient descent is told on the host; left out: no momentum, no decay, gradients as they are. */
export interface SgdSettings {
  readonly learningRate: number;
  readonly momentum?: number | undefined;
  readonly weightDecay?: number | undefined;
  /** Factor of every gradient. */
  readonly gradientScale?: number | undefined;
}

/** Hyperparameters of one step, f32 `[4]`, as the op `sgd` reads them. */
export function sgdHyper({ learningRate, momentum = 0, weightDecay = 0, gradientScale = 1 }: SgdSettings): HostTensor {
  return f32([4], [learningRate, momentum, weightDecay, gradientScale]);
}

/** Name of the State that gradient descent keeps beside the parameter of this name, shaped as it and zero at first. */
export function sgdStates(parameter: string): { readonly velocity: string } {
  return { velocity: `${parameter}/velocity` };
}

/** Updates every parameter and its velocity in place. Throws `tensor-core/state-misused` for a parameter that is no State. */
export function sgd({ tracer, parameters, gradients, hyper }: OptimizerInputs): void {
  for (const [name, parameter] of Object.entries(parameters)) {
    const velocity = tracer.state(sgdStates(name).velocity, parameter.dtype, parameter.shape);
    const next = sgdStep({ parameter, gradient: gradients[name]!, velocity, hyper: hyper(name) });
    tracer.assign(parameter, next.parameter);
    tracer.assign(velocity, next.velocity);
  }
}
