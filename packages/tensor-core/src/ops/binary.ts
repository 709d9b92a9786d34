/** Arithmetic of two tensors, f32 or (add, sub, mul) i32, with numpy's broadcasting over dimensions. */
import { sumTo } from "./broadcast.ts";
import { equal, greater } from "./compare.ts";
import { inferPair, mapBroadcast, PAIRS } from "./support/elementwise.ts";
import type { NoAttrs } from "./support/check.ts";
import { sampler } from "./support/cases.ts";
import { liftLike } from "./support/lift.ts";
import type { DType } from "../dtype.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

export type BinaryOp<Name extends string> = Op<Name, "a" | "b", never, "y", NoAttrs>;

/** A number stands for a scalar of the other operand's dtype. */
export interface BinaryFunction {
  (a: Value, b: Value | number): Value;
  (a: Value | number, b: Value): Value;
}

interface Definition {
  readonly of: (a: number, b: number) => number;
  /** Parts of the gradient `g` that belong to a and b, of the output's shape. */
  readonly parts: (g: Value, a: Value, b: Value, y: Value) => readonly [Value, Value];
  readonly integers?: boolean;
  /** Keeps operands away from where the function is not smooth or not defined. */
  readonly sample?: (shape: readonly number[], name: string) => HostTensor;
}

function binaryOp<const Name extends string>(name: Name, { of, parts, integers, sample }: Definition): BinaryOp<Name> {
  const dtypes: readonly DType[] = integers === true ? ["f32", "f64", "i32"] : ["f32", "f64"];
  return defineOp({
    name,
    inputs: ["a", "b"],
    outputs: ["y"],
    inPlace: ["a", "b"],
    infer: ({ a, b }) => ({ y: inferPair(name, a, b, dtypes) }),
    axes: (inputs, { y }) => alignedAxes(inputs, y),
    reference: ({ a, b }) => ({ y: mapBroadcast(name, a.dtype, [a, b], of) }),
    gradient: ({ y: g }, { a, b }, { y }) => {
      if (g === undefined) return {};
      const [toA, toB] = parts(g, a, b, y);
      return { a: sumTo(toA, a.shape), b: sumTo(toB, b.shape) };
    },
    cases: function* () {
      const floats = sample ?? ((shape, stream) => sampler(stream).f32(shape));
      for (const [left, right] of PAIRS) {
        const label = `[${left.join()}] with [${right.join()}]`;
        const inputs = { a: floats(left, `${name} a ${label}`), b: floats(right, `${name} b ${label}`) };
        yield { name: label, inputs, attrs: {}, tolerance: 1e-6, why: "one f32 rounding, a division may take two" };
      }
      if (integers !== true) return;
      const { i32 } = sampler(name);
      yield { name: "integers", inputs: { a: i32([3, 7], -99, 99), b: i32([7], -99, 99) }, attrs: {}, tolerance: 0, why: "whole numbers" };
    },
  });
}

function functionOf(op: BinaryOp<string>): BinaryFunction {
  return (a: Value | number, b: Value | number) => {
    const beside = (typeof a === "number" ? b : a) as Value;
    return apply(op, { a: liftLike(a, beside), b: liftLike(b, beside) }, {}).y;
  };
}

export const addOp: BinaryOp<"add"> = binaryOp("add", { of: (a, b) => a + b, parts: (g) => [g, g], integers: true });
export const subOp: BinaryOp<"sub"> = binaryOp("sub", { of: (a, b) => a - b, parts: (g) => [g, mul(g, -1)], integers: true });
export const mulOp: BinaryOp<"mul"> = binaryOp("mul", { of: (a, b) => a * b, parts: (g, a, b) => [mul(g, b), mul(g, a)], integers: true });
export const divOp: BinaryOp<"div"> = binaryOp("div", {
  of: (a, b) => a / b,
  parts: (g, _a, b, y) => {
    const toA = div(g, b);
    return [toA, mul(mul(toA, y), -1)];
  },
  sample: (shape, name) => sampler(name).f32(shape, 0.5, 2),
});
/** Where both are equal the gradient is shared evenly. */
export const maximumOp: BinaryOp<"maximum"> = binaryOp("maximum", {
  of: (a, b) => Math.max(a, b),
  parts: (g, a, b) => pick(g, a, b),
  sample: distinct,
});
/** Where both are equal the gradient is shared evenly. */
export const minimumOp: BinaryOp<"minimum"> = binaryOp("minimum", {
  of: (a, b) => Math.min(a, b),
  parts: (g, a, b) => pick(g, b, a),
  sample: distinct,
});

/** a + b; they broadcast. */
export const add: BinaryFunction = functionOf(addOp);
/** a − b; they broadcast. */
export const sub: BinaryFunction = functionOf(subOp);
/** a · b, element by element; they broadcast. */
export const mul: BinaryFunction = functionOf(mulOp);
/** a / b; they broadcast. */
export const div: BinaryFunction = functionOf(divOp);
/** The larger of a and b; they broadcast, and equals share the gradient. */
export const maximum: BinaryFunction = functionOf(maximumOp);
/** The smaller of a and b; they broadcast, and equals share the gradient. */
export const minimum: BinaryFunction = functionOf(minimumOp);

function pick(g: Value, a: Value, b: Value): readonly [Value, Value] {
  const tie = mul(equal(a, b), 0.5);
  return [mul(g, add(greater(a, b), tie)), mul(g, add(greater(b, a), tie))];
}

/** Multiples of 1/8 for the first operand and of 1/8 + 1/16 for the second: never equal, so a small step changes no choice. */
function distinct(shape: readonly number[], name: string): HostTensor {
  const { i32 } = sampler(name);
  const whole = i32(shape, -8, 8);
  const shift = name.includes(" a ") ? 0 : 1 / 16;
  return { dtype: "f32", shape, data: Float32Array.from(whole.data as Int32Array, (k) => k / 8 + shift) };
}
