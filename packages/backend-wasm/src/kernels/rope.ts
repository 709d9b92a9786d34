import { ropeFrequencies, ropeOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const ropeKernel: Kernel<WasmTypes> = implement(ropeOp, (encoder, { x, positions }, { y }, attrs) => {
  const { pairing, inverse } = attrs;
  const [batch, seq, heads, width] = x.shape as [number, number, number, number];
  const pairs = width / 2;
  // Two at a time are turned: an odd one out gets a neighbour whose turn nobody uses.
  const own = ropeFrequencies(width, attrs);
  const frequencies = Float64Array.from({ length: pairs + (pairs % 2) }, (_, i) => (inverse ? -1 : 1) * (own[i] ?? 0));
  const table = encoder.persist(frequencies.byteLength);
  new Float64Array(encoder.memory.buffer, table, frequencies.length).set(frequencies);
  // Sequences go through their positions together; a single one is divided along them.
  const [size, each] = batch > 1 ? [batch, seq] : [seq, 1];
  encoder.divide({ size, nanoseconds: x.size }, (begin, end) => {
    const turns = encoder.scratch(8 * (width + 4));
    const [from, to] = [x, y].map(({ address }) => address + 4 * begin * each * heads * width) as [number, number];
    const [rows, length] = batch > 1 ? [end - begin, seq] : [1, end - begin];
    encoder.call(`f32_rope_${pairing}`, from, positions.address + 4 * begin * each, to, rows, length, heads, width, table, turns);
  });
});
