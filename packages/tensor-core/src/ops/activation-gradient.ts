import { expectShape, floatType } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { SLOPES, type Curved } from "./support/math.ts";
import { apply, type Value } from "../graph.ts";
import { f32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

export interface ActivationGradientAttrs {
  readonly activation: Curved;
}

/** grad·f′(x) for an activation f, in one pass over memory: composed of single ops the slope of gelu takes seventeen. relu has slope 0 at 0. */
export const activationGradientOp: Op<"activation-gradient", "grad" | "x", never, "y", ActivationGradientAttrs> = defineOp({
  name: "activation-gradient",
  inputs: ["grad", "x"],
  outputs: ["y"],
  inPlace: ["grad", "x"],
  infer: (inputs) => {
    expectShape("activation-gradient", "x", inputs.x, inputs.grad.shape);
    return { y: { dtype: floatType("activation-gradient", inputs), shape: inputs.grad.shape } };
  },
  reference: ({ grad, x }, { activation }) => {
    const y = make(grad.dtype, grad.shape);
    const [grads, xs, slope] = [dataOf(grad), dataOf(x), SLOPES[activation]];
    for (let i = 0; i < grads.length; i++) y.data[i] = grads[i]! * slope(xs[i]!);
    return { y };
  },
  cases: function* () {
    for (const activation of Object.keys(SLOPES) as Curved[]) {
      const given = { attrs: { activation }, tolerance: 1e-5, why: "f32 polynomials for exp and erf, and a few products" };
      for (const shape of [...ODD_SIZES.map((size) => [size]), [2, 3, 5], [67]]) {
        const name = `${activation} [${shape.join()}]`;
        const sample = sampler(name);
        yield { name, inputs: { grad: sample.f32(shape), x: sample.f32(shape, -5, 5) }, ...given };
      }
      const ends = [-100, -30, -12, -1e-4, 0, 1e-4, 12, 30, 100];
      const grad = f32(
        [ends.length],
        ends.map(() => 1),
      );
      yield { name: `${activation}, far out`, inputs: { grad, x: f32([ends.length], ends) }, ...given };
    }
  },
});

/** grad·f′(x), element by element. */
export function activationGradient(grad: Value, x: Value, activation: Curved): Value {
  return apply(activationGradientOp, { grad, x }, { activation }).y;
}
