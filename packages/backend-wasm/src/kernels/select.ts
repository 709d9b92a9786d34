import { broadcastStrides, collapse, type Kernel, stridesOf, selectOp } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";
import { divideLoops, eachBlock } from "./strides.ts";

export const selectKernel: Kernel<WasmTypes> = implement(selectOp, (encoder, { condition, a, b }, { y }) => {
  if (y.size === 0) return;
  const places = [condition, a, b].map(({ shape }) => broadcastStrides(shape, y.shape));
  eachBlock(collapse(y.shape, [...places, stridesOf(y.shape)]), { depth: 4, operands: 4 }, (offsets, loops) => {
    divideLoops(encoder, loops, 0.5, (more, part) => {
      const addresses = [condition, a, b, y].map(({ address }, i) => address + 4 * (offsets[i]! + more[i]!));
      const stepsOf = (strides: readonly number[]): number[] => strides.slice(0, 3).map((stride) => 4 * stride);
      const sizes = part.flatMap(({ size, strides }) => [size, ...stepsOf(strides)]);
      encoder.call("f32_select", ...addresses, ...sizes);
    });
  });
});
