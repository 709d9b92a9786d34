/** What linear kernels of every storage do last: y = activation(sum + bias) + residual. */
import type { Epilogue } from "../types.ts";
import { activated, MATH } from "../wgsl/math.ts";

/** Declares `finish(sum, column, at)`, which gives element `at` of y. */
export function finish({ bias, residual, activation }: Epilogue): string {
  const needsMath = activation !== "none" && activation !== "relu";
  return `${needsMath ? MATH : ""}
fn finish(sum: f32, column: u32, at: u32) -> f32 {
  let x = sum${bias === undefined ? "" : " + read_bias(column)"};
  return ${activated(activation)}${residual === undefined ? "" : " + read_residual(at)"};
}`;
}
