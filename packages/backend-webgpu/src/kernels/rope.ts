import { ropeFrequencies, ropeOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";

/**
 * Angles are counted in 2⁻³² of a turn, as u32: position·frequency wraps exactly where the angle does, so that far positions lose
 * nothing but what the frequency was rounded by (2⁻³³ of a turn for each position). Sine and cosine are polynomials within an eighth of a turn.
 */
const TURN = `
fn turn(angle: u32) -> vec2<f32> {
  let quarter = ((angle + 0x20000000u) >> 30u) & 3u;
  let x = f32(bitcast<i32>(angle - (quarter << 30u))) * 1.4629180792671596e-9;
  let z = x * x;
  var sine = fma(-1.9515295891e-4, z, 8.3321608736e-3);
  sine = fma(fma(sine, z, -1.6666654611e-1) * z, x, x);
  var cosine = fma(2.443315711809948e-5, z, -1.388731625493765e-3);
  cosine = fma(fma(cosine, z, 4.166664568298827e-2), z * z, fma(-0.5, z, 1.0));
  switch (quarter) {
    case 0u: { return vec2(cosine, sine); }
    case 1u: { return vec2(-sine, cosine); }
    case 2u: { return vec2(-cosine, -sine); }
    default: { return vec2(sine, -cosine); }
  }
}`;

export const ropeKernel: Kernel<WebgpuTypes> = implement(ropeOp, (encoder, { x, positions }, { y }, attrs) => {
  const { pairing, inverse } = attrs;
  const [, , heads, width] = x.shape as [number, number, number, number];
  const pairs = width / 2;
  const turns = ropeFrequencies(width, attrs).map((radians) => ((inverse ? -1 : 1) * radians) / (2 * Math.PI));
  const [step, apart] = pairing === "adjacent" ? [2, 1] : [1, pairs];
  encodeElements(encoder, x.size / 2, {
    kernel: "f32_rope",
    reads: { x, positions, frequencies: encoder.table(turns.map((turn) => Math.round((turn - Math.floor(turn)) * 2 ** 32))) },
    writes: { y },
    sizes: { pairs, heads, step, apart },
    declare: TURN,
    body: `let pair = i % p.pairs;
  let vector = i / p.pairs;
  let turned = turn(word_positions(vector / p.heads) * word_frequencies(pair));
  let first = 2u * vector * p.pairs + pair * p.step;
  let a = read_x(first);
  let b = read_x(first + p.apart);
  write_y(first, fma(a, turned.x, -b * turned.y));
  write_y(first + p.apart, fma(a, turned.y, b * turned.x));`,
  });
});
