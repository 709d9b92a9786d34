import { expectDType, expectShape, expectThat, floatType } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make } from "./support/host.ts";
import { showShape, type Dim } from "../dim.ts";
import { apply, type Value } from "../graph.ts";
import { i32 } from "../host.ts";
import { defineOp, type Op } from "../op.ts";

export interface ScatterRowsAttrs {
  /** Rows of the output. */
  readonly count: Dim;
}

/** Adds rows up by id, in ascending position, so that sums repeat: grad `[…, dim]`, ids i32 `[…]` → `[count, dim]`; ids < 0 are skipped. */
export const scatterRowsOp: Op<"scatter-rows", "grad" | "ids", never, "y", ScatterRowsAttrs> = defineOp({
  name: "scatter-rows",
  inputs: ["grad", "ids"],
  outputs: ["y"],
  infer: ({ grad, ids }, { count }: ScatterRowsAttrs) => {
    const dtype = floatType("scatter-rows", { grad });
    expectDType("scatter-rows", "ids", ids, "i32");
    expectThat(grad.shape.length > 0, "scatter-rows", "grad", "at least one dimension", showShape(grad.shape));
    expectShape("scatter-rows", "ids", ids, grad.shape.slice(0, -1));
    return { y: { dtype, shape: [count, grad.shape.at(-1)!] } };
  },
  reference: ({ grad, ids }, attrs) => {
    const [count, width] = [Number(attrs.count), grad.shape.at(-1)!];
    const totals = new Float64Array(count * width);
    const data = dataOf(grad);
    dataOf(ids).forEach((id, position) => {
      expectThat(id < count, "scatter-rows", `ids, element ${position}`, `an id below ${count}`, String(id));
      if (id < 0) return;
      for (let i = 0; i < width; i++) totals[id * width + i]! += data[position * width + i]!;
    });
    const y = make(grad.dtype, [count, width]);
    y.data.set(totals);
    return { y };
  },
  cases: function* () {
    const sums = { tolerance: 1e-5, why: "f32 sums of a few rows" };
    for (const size of ODD_SIZES) {
      const { f32, i32: ids } = sampler(`${size}`);
      yield { name: `rows of ${size}`, inputs: { grad: f32([2, 5, size]), ids: ids([2, 5], -1, 4) }, attrs: { count: 4 }, ...sums };
      yield { name: `${size} ids`, inputs: { grad: f32([size, 4]), ids: ids([size], 0, 3) }, attrs: { count: 5 }, ...sums };
    }
    const grad = sampler("skipped").f32([3, 4]);
    yield {
      name: "all skipped",
      inputs: { grad, ids: i32([3], [-1, -1, -7]) },
      attrs: { count: 2 },
      tolerance: 0,
      why: "nothing is added",
    };
  },
});

/** Adds rows up by id: grad `[…, dim]`, ids i32 `[…]` → `[count, dim]`; ids below 0 are skipped. */
export function scatterRows(grad: Value, ids: Value, count: Dim): Value {
  return apply(scatterRowsOp, { grad, ids }, { count }).y;
}
