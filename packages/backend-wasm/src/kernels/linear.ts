import { linearOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";
import { encodeGemm } from "./gemm.ts";
import { epilogueArguments, epilogueFrom } from "./epilogue.ts";

/** Up to here weights are read once and dotted; from here packing pays. */
export const DOT_ROWS = 3;

export const linearKernel: Kernel<WasmTypes> = implement(linearOp, (encoder, { x, weight, bias, residual }, { y }, { activation }) => {
  const [out, features] = weight.shape as [number, number];
  const rows = x.size / features;
  const epilogue = epilogueArguments({ bias, residual }, activation, encoder.norm());
  if (rows <= DOT_ROWS) {
    encoder.divide({ size: out, grain: 4, nanoseconds: (weight.size * rows) / 5 }, (begin, end) => {
      const places = [x.address, weight.address + 4 * begin * features, y.address + 4 * begin, 4 * out];
      encoder.call("f32_gemm_1x4", rows, end - begin, features, ...places, ...epilogueFrom(epilogue, 4 * begin, 4 * begin));
    });
  } else {
    const along = { row: 4 * features, step: 4, batch: 0 };
    encodeGemm(encoder, {
      batch: 1,
      m: rows,
      n: out,
      k: features,
      c: y.address,
      epilogue,
      left: { address: x.address, ...along },
      right: { address: weight.address, ...along, tensor: weight },
    });
  }
});
