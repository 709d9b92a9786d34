/** Functions of single elements. */
import { activationGradient } from "./activation-gradient.ts";
import { div, mul, sub } from "./binary.ts";
import { greater } from "./compare.ts";
import { floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { mapBroadcast } from "./support/elementwise.ts";
import { ACTIVATIONS, erf as erfOf, sigmoid as sigmoidOf, type Curved } from "./support/math.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { f32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

export type UnaryOp<Name extends string> = Op<Name, "x", never, "y", NoAttrs>;

interface Definition {
  readonly of: (x: number) => number;
  /** dy/dx, traced; or the activation whose gradient is an op of its own. */
  readonly slope: Curved | ((x: Value, y: Value) => Value | number);
  /** Where cases draw x from; [−3, 3) by default. */
  readonly range?: readonly [number, number];
  /** Further elements, where f32 formulas overflow, underflow or cancel. */
  readonly extremes?: readonly number[];
  /** The slope jumps at 0: cases keep away from it. */
  readonly kink?: boolean;
}

const SATURATING: readonly number[] = [-100, -30, -12, -1e-4, 0, 1e-4, 12, 30, 100];
const ROUNDING = "one f32 rounding";
const POLYNOMIAL = "f32 polynomials for exp, erf and log differ in the last few bits";

function unaryOp<const Name extends string>(name: Name, definition: Definition, why: string = POLYNOMIAL): UnaryOp<Name> {
  const { of, slope, range = [-3, 3], extremes, kink } = definition;
  const tolerance = why === ROUNDING ? 1e-6 : 5e-6;
  return defineOp({
    name,
    inputs: ["x"],
    outputs: ["y"],
    inPlace: ["x"],
    infer: ({ x }) => ({ y: { dtype: floatType(name, { x }), shape: x.shape } }),
    axes: (inputs, { y }) => alignedAxes(inputs, y),
    reference: ({ x }) => ({ y: mapBroadcast(name, x.dtype, [x], of) }),
    gradient: ({ y: g }, { x }, { y }) => {
      if (g === undefined) return {};
      // relu's output has its input's sign, so that the input need not be kept and relu can be fused into what gives it.
      return { x: typeof slope === "string" ? activationGradient(g, slope === "relu" ? y : x, slope) : mul(g, slope(x, y)) };
    },
    cases: function* () {
      for (const shape of [...ODD_SIZES.map((size) => [size]), [], [2, 3, 5], [67], [1030]]) {
        const sample = sampler(`${name} ${shape.join()}`);
        const x = kink === true ? sample.f32(shape, 0.1, 3) : sample.f32(shape, ...range);
        const signs = sample.i32(shape, 0, 2).data;
        if (kink === true) x.data.forEach((_, i) => signs[i] === 0 && (x.data[i] = -Number(x.data[i])));
        yield { name: `[${shape.join()}]`, inputs: { x }, attrs: {}, tolerance, why, ...(shape[0] === 1030 ? { checkGradient: [] } : {}) };
      }
      if (extremes === undefined) return;
      yield { name: "extremes", inputs: { x: f32([extremes.length], extremes) }, attrs: {}, tolerance, why, checkGradient: [] };
    },
  });
}

function functionOf(op: UnaryOp<string>): (x: Value) => Value {
  return (x) => apply(op, { x }, {}).y;
}

export const negOp: UnaryOp<"neg"> = unaryOp("neg", { of: (x) => -x, slope: () => -1 }, ROUNDING);
export const expOp: UnaryOp<"exp"> = unaryOp("exp", { of: Math.exp, slope: (_x, y) => y, extremes: [-1000, -104, -88, -1e-4, 0, 80] });
export const logOp: UnaryOp<"log"> = unaryOp("log", {
  of: Math.log,
  slope: (x) => div(1, x),
  range: [0.1, 9],
  extremes: [1e-30, 1e-6, 1, 1e6, 1e30],
});
export const sqrtOp: UnaryOp<"sqrt"> = unaryOp(
  "sqrt",
  { of: Math.sqrt, slope: (_x, y) => div(0.5, y), range: [0.1, 9], extremes: [0, 1e-12, 1e12] },
  ROUNDING,
);
export const rsqrtOp: UnaryOp<"rsqrt"> = unaryOp(
  "rsqrt",
  {
    of: (x) => 1 / Math.sqrt(x),
    slope: (_x, y) => mul(mul(mul(y, y), y), -0.5),
    range: [0.1, 9],
    extremes: [1e-12, 1, 1e12],
  },
  "a square root and a division, two f32 roundings",
);
export const absOp: UnaryOp<"abs"> = unaryOp(
  "abs",
  { of: Math.abs, slope: (x) => sub(greater(x, 0), greater(mul(x, -1), 0)), kink: true, extremes: [-0, 0, -1e30] },
  ROUNDING,
);
export const tanhOp: UnaryOp<"tanh"> = unaryOp("tanh", { of: Math.tanh, slope: (_x, y) => sub(1, mul(y, y)), extremes: SATURATING });
export const sigmoidOp: UnaryOp<"sigmoid"> = unaryOp("sigmoid", {
  of: sigmoidOf,
  slope: (_x, y) => mul(y, sub(1, y)),
  extremes: SATURATING,
});
export const reluOp: UnaryOp<"relu"> = unaryOp("relu", { of: ACTIVATIONS.relu, slope: "relu", kink: true, extremes: SATURATING }, ROUNDING);
export const erfOp: UnaryOp<"erf"> = unaryOp("erf", {
  of: erfOf,
  slope: (x) => mul(exp(mul(mul(x, x), -1)), 2 / Math.sqrt(Math.PI)),
  extremes: SATURATING,
});
/** x·Φ(x), with the erf. */
export const geluOp: UnaryOp<"gelu"> = unaryOp("gelu", { of: ACTIVATIONS.gelu, slope: "gelu", extremes: SATURATING });
/** The tanh approximation of gelu. */
export const geluTanhOp: UnaryOp<"gelu-tanh"> = unaryOp("gelu-tanh", {
  of: ACTIVATIONS["gelu-tanh"],
  slope: "gelu-tanh",
  extremes: SATURATING,
});
export const siluOp: UnaryOp<"silu"> = unaryOp("silu", { of: ACTIVATIONS.silu, slope: "silu", extremes: SATURATING });

/** Every function of single elements. */
export const UNARY_OPS: readonly UnaryOp<string>[] = [
  absOp,
  erfOp,
  expOp,
  geluOp,
  geluTanhOp,
  logOp,
  negOp,
  reluOp,
  rsqrtOp,
  sigmoidOp,
  siluOp,
  sqrtOp,
  tanhOp,
];

/** −x. */
export const neg: (x: Value) => Value = functionOf(negOp);
/** eˣ. */
export const exp: (x: Value) => Value = functionOf(expOp);
/** Natural logarithm. */
export const log: (x: Value) => Value = functionOf(logOp);
/** √x. */
export const sqrt: (x: Value) => Value = functionOf(sqrtOp);
/** 1/√x. */
export const rsqrt: (x: Value) => Value = functionOf(rsqrtOp);
/** |x|, with slope 0 at 0. */
export const abs: (x: Value) => Value = functionOf(absOp);
/** tanh x. */
export const tanh: (x: Value) => Value = functionOf(tanhOp);
/** 1/(1 + e⁻ˣ). */
export const sigmoid: (x: Value) => Value = functionOf(sigmoidOp);
/** max(x, 0), with slope 0 at 0. */
export const relu: (x: Value) => Value = functionOf(reluOp);
/** Error function. */
export const erf: (x: Value) => Value = functionOf(erfOp);
/** x·Φ(x) (Hendrycks and Gimpel, "Gaussian error linear units", 2016), by the erf. */
export const gelu: (x: Value) => Value = functionOf(geluOp);
/** The tanh approximation of {@link gelu}: x/2·(1 + tanh(√(2/π)·(x + 0.044715x³))). */
export const geluTanh: (x: Value) => Value = functionOf(geluTanhOp);
/** x·sigmoid(x). */
export const silu: (x: Value) => Value = functionOf(siluOp);
