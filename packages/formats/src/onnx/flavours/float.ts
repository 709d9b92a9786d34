import type { OnnxFlavour } from "../lowering.ts";
import { denseLinear, denseRows } from "./linear.ts";

/** Everything in f32; weights of other storages are written dense. */
export const onnxF32: OnnxFlavour = { id: "f32", float: "f32", linear: denseLinear, rows: denseRows };

/** Weights and arithmetic in f16, norms of squares and rotary angles in f32; what goes in and out stays f32. */
export const onnxF16: OnnxFlavour = { id: "f16", float: "f16", linear: denseLinear, rows: denseRows };
