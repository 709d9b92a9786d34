/** What the flavours share. */
import type { OnnxBuilder, OnnxValue } from "../builder.ts";
import type { WeightNode } from "../lowering.ts";
import { denseInitializer, denseTransposed, int8Rows, isInt8Exact } from "../weights.ts";

/** x·Wᵀ over plain floats. A weight that is also looked up is stored once, as it lies, and turned in the graph. */
export function denseLinear(builder: OnnxBuilder, { weight, stored, x, tied }: WeightNode): OnnxValue {
  if (!tied) return builder.node("MatMul", [x, denseTransposed(builder, weight, stored)]);
  const table = denseInitializer(builder, weight, stored);
  return builder.node("MatMul", [x, builder.once(`turned ${table}`, () => builder.node("Transpose", [table], { perm: [1, 0] }))]);
}

export function denseRows(builder: OnnxBuilder, { weight, stored, x }: WeightNode): OnnxValue {
  return builder.node("Gather", [denseInitializer(builder, weight, stored), x], { axis: 0 });
}

/** A table of 8-bit codes per row is looked up as it is: (code − zero point)·scale of the rows that are read. Others as floats. */
export function codedRows(builder: OnnxBuilder, node: WeightNode): OnnxValue {
  const { weight, stored, x } = node;
  if (!isInt8Exact(stored)) return denseRows(builder, node);
  const { codes, scales, zeroPoints } = int8Rows(builder, weight, stored);
  const gather = (table: OnnxValue): OnnxValue => builder.node("Gather", [table, x], { axis: 0 });
  const zero = zeroPoints === undefined ? builder.scalar(128, "f32") : builder.cast(gather(zeroPoints), "f32");
  return builder.node("Mul", [builder.node("Sub", [builder.cast(gather(codes), "f32"), zero]), gather(scales)]);
}
