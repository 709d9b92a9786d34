import { ropeOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const ropeKernel: Kernel<WasmTypes> = implement(ropeOp, (encoder, { x, positions }, { y }, { base, pairing, inverse }) => {
  const [, , heads, width] = x.shape as [number, number, number, number];
  const pairs = width / 2;
  // Two at a time are turned: an odd one out gets a neighbour whose turn nobody uses.
  const frequencies = Float64Array.from({ length: pairs + (pairs % 2) }, (_, i) => (inverse ? -1 : 1) * base ** ((-2 * i) / width));
  const table = encoder.persist(frequencies.byteLength);
  new Float64Array(encoder.memory.buffer, table, frequencies.length).set(frequencies);
  encoder.divide({ size: positions.size, nanoseconds: 2 * x.size }, (begin, end) => {
    const turns = encoder.scratch(8 * (width + 4));
    const [from, to] = [x, y].map(({ address }) => address + 4 * begin * heads * width) as [number, number];
    encoder.call(`f32_rope_${pairing}`, from, positions.address + 4 * begin, to, end - begin, heads, width, table, turns);
  });
});
