import { ropeFrequencies, ropeOp, type Kernel } from "@pare/tensor-core";
import { implement, type GpujsTypes } from "../types.ts";

/** Partners lie `apart` from each other; `pair` places of a head turn together. Frequencies come from the host, where powers are exact. */
const ROPE = {
  name: "f32_rope",
  parameters: {
    x: "tensor",
    positions: "tensor",
    frequencies: "tensor",
    heads: "integer",
    width: "integer",
    apart: "integer",
    sign: "number",
  },
  body: `const vector = quotient(i, width);
    const place = i - vector * width;
    let pair = place;
    let second = 0.0;
    if (apart === 1) {
      pair = quotient(place, 2);
      if (place - 2 * pair === 1) { second = 1.0; }
    } else {
      if (place >= apart) { pair = place - apart; second = 1.0; }
    }
    const angle = positions[quotient(vector, heads)] * frequencies[pair];
    const sine = sineOf(angle) * sign;
    const cosine = sineOf(angle + 1.5707963267948966);
    if (second > 0.5) { return x[i - apart] * sine + x[i] * cosine; }
    return x[i] * cosine - x[i + apart] * sine;`,
} as const;

export const ropeKernel: Kernel<GpujsTypes> = implement(ropeOp, (encoder, { x, positions }, { y }, attrs) => {
  const [, , heads, width] = x.shape as [number, number, number, number];
  const frequencies = encoder.table(ropeFrequencies(width, attrs));
  const apart = attrs.pairing === "adjacent" ? 1 : width / 2;
  encoder.pass(ROPE, y, { x, positions, frequencies, heads, width, apart, sign: attrs.inverse ? -1 : 1 });
});
