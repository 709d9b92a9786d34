import type { Value } from "../../graph.ts";

/** A number becomes a scalar constant of the dtype and graph of `beside`. */
export function liftLike(value: Value | number, beside: Value): Value {
  if (typeof value !== "number") return value;
  const { dtype } = beside;
  const data = dtype === "i32" ? Int32Array.of(value) : dtype === "f64" ? Float64Array.of(value) : Float32Array.of(value);
  return beside.node.builder.constant({ dtype, shape: [], data });
}
