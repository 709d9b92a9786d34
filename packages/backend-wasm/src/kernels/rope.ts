import { ropeOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const ropeKernel: Kernel<WasmTypes> = implement(ropeOp, (encoder, { x, positions }, { y }, { base, pairing, inverse }) => {
  const [, , heads, width] = x.shape as [number, number, number, number];
  const pairs = width / 2;
  // Two at a time are turned: an odd one out gets a neighbour whose turn nobody uses.
  const frequencies = Float64Array.from({ length: pairs + (pairs % 2) }, (_, i) => (inverse ? -1 : 1) * base ** ((-2 * i) / width));
  const turns = encoder.scratch(8 * (width + 4));
  const table = encoder.persist(frequencies.byteLength);
  new Float64Array(encoder.memory.buffer, table, frequencies.length).set(frequencies);
  encoder.call(`f32_rope_${pairing}`, x.address, positions.address, y.address, positions.size, heads, width, table, turns);
});
