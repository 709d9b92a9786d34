import { expectDType, expectThat } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { mapBroadcast } from "./support/elementwise.ts";
import type { DType } from "../dtype.ts";
import { alignedAxes } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import { f32 } from "../host.ts";
import { defineOp, type Op, type OpCase } from "../op.ts";

export interface CastAttrs {
  readonly dtype: "f32" | "i32";
}

const SOURCES: Readonly<Record<CastAttrs["dtype"], readonly DType[]>> = { f32: ["i32", "u8"], i32: ["f32", "f64"] };

/** f32 → i32 (towards zero; values beyond i32 are undefined), i32 → f32, u8 → f32. Whole numbers have no gradient. */
export const castOp: Op<"cast", "x", never, "y", CastAttrs> = defineOp({
  name: "cast",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }, { dtype }: CastAttrs) => {
    expectThat(dtype in SOURCES, "cast", "dtype", "f32 or i32", dtype);
    expectDType("cast", "x", x, ...SOURCES[dtype]);
    return { y: { dtype, shape: x.shape } };
  },
  axes: (inputs, { y }) => alignedAxes(inputs, y),
  reference: ({ x }, { dtype }) => ({ y: mapBroadcast("cast", dtype, [x], dtype === "i32" ? Math.trunc : (element) => element) }),
  cases: function* (): Generator<OpCase<"x", never, CastAttrs>> {
    const exact = { tolerance: 0, why: "towards zero, or to the nearest f32" };
    for (const size of ODD_SIZES) {
      const sample = sampler(`${size}`);
      yield { name: `[${size}] i32 to f32`, inputs: { x: sample.i32([size], -(2 ** 31), 2 ** 31 - 1) }, attrs: { dtype: "f32" }, ...exact };
      yield { name: `[${size}] u8 to f32`, inputs: { x: sample.u8([size]) }, attrs: { dtype: "f32" }, ...exact };
      yield { name: `[${size}] f32 to i32`, inputs: { x: sample.f32([size], -1000, 1000) }, attrs: { dtype: "i32" }, ...exact };
    }
    yield { name: "halves", inputs: { x: f32([6], [-1.5, -0.5, -0, 0.5, 1.5, 2.5]) }, attrs: { dtype: "i32" }, ...exact };
  },
});

/** f32 → i32 towards zero, i32 → f32, u8 → f32; x itself where it has the dtype. No gradient. */
export function cast(x: Value, dtype: CastAttrs["dtype"]): Value {
  return x.dtype === dtype ? x : apply(castOp, { x }, { dtype }).y;
}
