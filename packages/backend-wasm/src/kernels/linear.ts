import { linearOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";
import { encodeGemm } from "./gemm.ts";
import { epilogueArguments } from "./epilogue.ts";

/** Up to here weights are read once and dotted; from here packing pays. */
export const DOT_ROWS = 3;

export const linearKernel: Kernel<WasmTypes> = implement(linearOp, (encoder, { x, weight, bias, residual }, { y }, { activation }) => {
  const [out, features] = weight.shape as [number, number];
  const rows = x.size / features;
  const epilogue = epilogueArguments(bias, activation, residual);
  if (rows <= DOT_ROWS) encoder.call("f32_gemm_1x4", rows, out, features, x.address, weight.address, y.address, ...epilogue);
  else {
    const along = { row: 4 * features, step: 4, batch: 0 };
    encodeGemm(encoder, {
      batch: 1,
      m: rows,
      n: out,
      k: features,
      c: y.address,
      epilogue,
      left: { address: x.address, ...along },
      right: { address: weight.address, ...along },
    });
  }
});
