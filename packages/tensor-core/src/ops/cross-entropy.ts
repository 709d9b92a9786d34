import { add, mul, sub } from "./binary.ts";
import { reshape } from "./reshape.ts";
import { exp } from "./unary.ts";
import { expectDType, expectRank, expectShape, expectThat, floatType, type NoAttrs } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { logSumExp as logSumExpOf } from "./support/softmax.ts";
import type { Dim } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import { i32, type HostTensor } from "../host.ts";
import { defineOp, type Op, type OpCase } from "../op.ts";

/** nll `[n]` = log Σe^logits − logits[target] for logits `[n, v]` and targets i32 `[n]`; a target < 0 is ignored and gives 0. */
export const crossEntropyOp: Op<"cross-entropy", "logits" | "targets", never, "nll" | "logSumExp", NoAttrs> = defineOp({
  name: "cross-entropy",
  inputs: ["logits", "targets"],
  outputs: ["nll", "logSumExp"],
  infer: ({ logits, targets }) => {
    const dtype = floatType("cross-entropy", { logits });
    expectRank("cross-entropy", "logits", logits, 2);
    const shape = [logits.shape[0]!];
    expectDType("cross-entropy", "targets", targets, "i32");
    expectShape("cross-entropy", "targets", targets, shape);
    return { nll: { dtype, shape }, logSumExp: { dtype, shape } };
  },
  reference: ({ logits, targets }) => {
    const [count, classes] = logits.shape as [number, number];
    const [nll, logSumExp] = [make(logits.dtype, [count]), make(logits.dtype, [count])];
    for (let row = 0; row < count; row++) {
      const elements = dataOf(logits).subarray(row * classes, (row + 1) * classes);
      const target = targetOf(targets, row, classes);
      const logSum = logSumExpOf(elements);
      logSumExp.data[row] = logSum;
      nll.data[row] = target < 0 ? 0 : logSum - elements[target]!;
    }
    return { nll, logSumExp };
  },
  gradient: ({ nll, logSumExp: toLogSum }, { logits, targets }, { logSumExp }) => {
    const fromNll = nll && apply(crossEntropyGradientOp, { grad: nll, logits, targets, logSumExp }, {}).logits;
    const column = (value: Value): Value => reshape(value, [value.shape[0]!, 1]);
    const fromLogSum = toLogSum && mul(exp(sub(logits, column(logSumExp))), column(toLogSum));
    const both = fromNll && fromLogSum ? add(fromNll, fromLogSum) : (fromNll ?? fromLogSum);
    return both === undefined ? {} : { logits: both };
  },
  cases: () => crossEntropyCases(),
});

/** Gradient of cross-entropy's nll: grad·(e^(logits − logSumExp) − onehot(target)), zero rows where the target is ignored. */
export const crossEntropyGradientOp: Op<"cross-entropy-gradient", "grad" | "logits" | "targets" | "logSumExp", never, "logits", NoAttrs> =
  defineOp({
    name: "cross-entropy-gradient",
    inputs: ["grad", "logits", "targets", "logSumExp"],
    outputs: ["logits"],
    infer: ({ grad, logits, targets, logSumExp }) => {
      const dtype = floatType("cross-entropy-gradient", { logits, grad, logSumExp });
      expectRank("cross-entropy-gradient", "logits", logits, 2);
      const rows: readonly Dim[] = [logits.shape[0]!];
      expectDType("cross-entropy-gradient", "targets", targets, "i32");
      for (const [field, type] of Object.entries({ grad, targets, logSumExp })) expectShape("cross-entropy-gradient", field, type, rows);
      return { logits: { dtype, shape: logits.shape } };
    },
    reference: ({ grad, logits, targets, logSumExp }) => {
      const [count, classes] = logits.shape as [number, number];
      const [data, sums, grads] = [dataOf(logits), dataOf(logSumExp), dataOf(grad)];
      const toLogits = make(logits.dtype, logits.shape);
      for (let row = 0; row < count; row++) {
        const target = targetOf(targets, row, classes);
        if (target < 0) continue;
        for (let i = 0; i < classes; i++) {
          const at = row * classes + i;
          toLogits.data[at] = grads[row]! * (Math.exp(data[at]! - sums[row]!) - (i === target ? 1 : 0));
        }
      }
      return { logits: toLogits };
    },
    cases: function* () {
      for (const one of crossEntropyCases()) {
        const { logSumExp } = crossEntropyOp.reference(one.inputs, one.attrs);
        const grad = sampler(`grad ${one.name}`).f32(logSumExp.shape);
        yield { ...one, inputs: { ...one.inputs, grad, logSumExp } };
      }
    },
  });

/** Negative log likelihood `[n]` of the targets. */
export function crossEntropy(logits: Value, targets: Value): Value {
  return apply(crossEntropyOp, { logits, targets }, {}).nll;
}

function targetOf(targets: HostTensor, row: number, classes: number): number {
  const target = dataOf(targets)[row]!;
  expectThat(target < classes, "cross-entropy", `targets, element ${row}`, `a class below ${classes}`, String(target));
  return target;
}

function* crossEntropyCases(): Generator<OpCase<"logits" | "targets", never, NoAttrs>> {
  const rest = { attrs: {}, tolerance: 1e-5, why: "f32 polynomials for exp and log, sums of up to 513 terms" };
  for (const classes of [...ODD_SIZES.slice(1), 513]) {
    const { f32, i32: ids } = sampler(`${classes}`);
    const checkGradient = classes > 33 ? ([] as const) : undefined;
    yield {
      name: `${classes} classes`,
      inputs: { logits: f32([3, classes], -5, 5), targets: ids([3], 0, classes) },
      ...rest,
      checkGradient,
    };
  }
  for (const count of ODD_SIZES) {
    const { f32, i32: ids } = sampler(`${count} rows`);
    yield { name: `${count} rows, some ignored`, inputs: { logits: f32([count, 6], -5, 5), targets: ids([count], -2, 6) }, ...rest };
  }
  const logits: HostTensor = { dtype: "f32", shape: [2, 3], data: Float32Array.of(90, 0, -90, -1e4, 1e4, 0) };
  yield { name: "far apart", inputs: { logits, targets: i32([2], [0, 2]) }, ...rest, checkGradient: [] };
}
