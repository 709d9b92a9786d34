import { expectShape } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import type { NoAttrs } from "./support/check.ts";
import { apply, type Value } from "../graph.ts";
import { defineOp, type Op } from "../op.ts";

/** y = value; the whole gradient goes to `through`, none to `value` (Bengio, Léonard and Courville 2013, section 4). */
export const straightThroughOp: Op<"straight-through", "value" | "through", never, "y", NoAttrs> = defineOp({
  name: "straight-through",
  inputs: ["value", "through"],
  outputs: ["y"],
  view: true,
  infer: ({ value, through }) => {
    expectShape("straight-through", "through", through, value.shape);
    return { y: { dtype: value.dtype, shape: value.shape } };
  },
  reference: ({ value }) => ({ y: value }),
  gradient: ({ y }) => (y === undefined ? {} : { through: y }),
  cases: function* () {
    const { f32 } = sampler("straight-through");
    const inputs = { value: f32([3, 5]), through: f32([3, 5]) };
    yield { name: "[3, 5]", inputs, attrs: {}, tolerance: 0, why: "the bytes are the same", checkGradient: [] };
  },
});

/** `value`, as far as the computation goes; to gradients it is `through`, a function of the same shape that has some: a mask's scores, what was rounded. */
export function straightThrough(value: Value, through: Value): Value {
  return apply(straightThroughOp, { value, through }, {}).y;
}
