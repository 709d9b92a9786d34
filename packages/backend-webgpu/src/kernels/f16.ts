/**
 * Linear layers in f16: x is rounded first, a row at a time; products and sums of 16 of them are f16, what those are added to is f32. Two
 * numbers lie in a word, neighbours along k, and padding is zeros on both sides.
 */
import { linearF16Op, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuEncoder, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { reductions } from "../wgsl/reduce.ts";
import { finish } from "./epilogue.ts";

const LANES = 64;

export const linearF16Kernel: Kernel<WebgpuTypes> = implement(
  linearF16Op,
  (encoder, { x, halves, largest, bias, residual }, { y }, { features, activation }) => {
    const words = Math.ceil(features / 2);
    const m = x.size / features;
    const rounded = encoder.scratch("i32", m * words);
    const units = encoder.scratch("f32", m);
    encodeRounding(encoder, { x, largest, rounded, units, features, words });
    const n = halves.shape[0]!;
    const { lanes, groups, ...shader } = m <= DOT_ROWS ? dots(m, n) : tiles(m, n);
    encoder.call({
      kernel: `f16_linear_${shader.name}`,
      reads: { rounded, units, halves, bias, residual },
      writes: { y },
      sizes: { m, n, features, words, across: shader.across },
      declare: [pairsOf(features), finish({ bias, residual, activation }), shader.declare].join("\n"),
      body: shader.body,
      lanes,
      groups,
    });
  },
);

interface Rounding {
  readonly x: WebgpuTensor;
  readonly largest: WebgpuTensor;
  readonly rounded: WebgpuTensor;
  /** Power of two by row that the rounded numbers count. */
  readonly units: WebgpuTensor;
  readonly features: number;
  readonly words: number;
}

/**
 * A workgroup per row. Rounding to 11 bits is done on the bits, ties to even: adapters may convert to either neighbour, and every device is
 * to round alike.
 */
function encodeRounding(encoder: WebgpuEncoder, { x, largest, rounded, units, features, words }: Rounding): void {
  encoder.call({
    kernel: "f16_round",
    reads: { x, largest },
    writes: { rounded, units },
    sizes: { features, words },
    declare: `${reductions(["max"], { lanes: LANES, features: encoder.features })}
fn exponent_of(size: f32) -> i32 { return i32(bitcast<u32>(size) >> 23u) - 127; }
fn power(exponent: i32) -> f32 { return bitcast<f32>(u32(exponent + 127) << 23u); }
fn round_11(value: f32) -> f32 {
  let bits = bitcast<u32>(value);
  return bitcast<f32>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u);
}`,
    body: `let row = group * p.features;
  var most = 0.0;
  for (var i = lane; i < p.features; i += ${LANES}u) { most = max(most, abs(read_x(row + i))); }
  most = reduce_max(most, lane);
  let room = min(15, 11 - exponent_of(read_largest(0u)));
  let unit = clamp(exponent_of(most) + 1 - room, -126, 126);
  let inverse = power(-unit);
  if (lane == 0u) { write_units(group, power(unit)); }
  for (var w = lane; w < p.words; w += ${LANES}u) {
    let low = round_11(read_x(row + 2u * w) * inverse);
    var high = 0.0;
    if (2u * w + 1u < p.features) { high = round_11(read_x(row + 2u * w + 1u) * inverse); }
    write_rounded(group * p.words + w, bitcast<i32>(pack2x16float(vec2(low, high))));
  }`,
    lanes: LANES,
    groups: units.size,
  });
}

/**
 * `x_pair(row, w)` and `weight_pair(row, w)`: columns 2w and 2w + 1. Widened and narrowed, which changes nothing: a bitcast of a word to two
 * f16 gives other numbers in one implementation (Mesa 22.3 under wgpu).
 */
function pairsOf(features: number): string {
  const odd = `let at = row * p.features + 2u * w;
  var word = word_halves(at >> 1u) >> (16u * (at & 1u));
  if (2u * w + 1u == p.features) { word &= 0xffffu; } else if ((at & 1u) == 1u) { word |= word_halves((at >> 1u) + 1u) << 16u; }`;
  return `fn x_pair(row: u32, w: u32) -> vec2<f16> { return vec2<f16>(unpack2x16float(word_rounded(row * p.words + w))); }
fn weight_pair(row: u32, w: u32) -> vec2<f16> {
  ${features % 2 === 0 ? "let word = word_halves(row * p.words + w);" : odd}
  return vec2<f16>(unpack2x16float(word));
}`;
}

interface Shader {
  readonly name: string;
  readonly declare: string;
  readonly body: string;
  /** Workgroups side by side. */
  readonly across: number;
  readonly lanes: number;
  readonly groups: number;
}

/** Words of a tile's depth: 16 products. */
const DEPTH = 8;
/** From so many large tiles on there are enough of them for every core of a GPU. */
const MANY_TILES = 64;

/** Both sides pass through workgroup memory as f16, four rows to a vector; each invocation keeps 4×4 outputs. */
function tiles(m: number, n: number): Shader {
  const threads = Math.ceil(m / 64) * Math.ceil(n / 64) >= MANY_TILES ? 16 : 8;
  const [side, lanes] = [4 * threads, threads * threads];
  const [across, down] = [Math.ceil(n / side), Math.ceil(m / side)];
  const four = [0, 1, 2, 3];
  const each = (line: (i: number) => string): string => four.map(line).join("\n      ");
  // Rows past the last one are read as the last one, whose products nobody stores.
  const load = (shelf: string, pair: string, first: string, limit: string): string => `{
      let row = ${first} + 4u * (e / ${DEPTH}u);
      var a = vec2<f16>(); var b = vec2<f16>(); var c = vec2<f16>(); var d = vec2<f16>();
      if (w + e % ${DEPTH}u < p.words) {
        ${["a", "b", "c", "d"].map((name, i) => `${name} = ${pair}(min(row + ${i}u, ${limit} - 1u), w + e % ${DEPTH}u);`).join(" ")}
      }
      let at = 2u * (e % ${DEPTH}u) * ${threads}u + e / ${DEPTH}u;
      ${shelf}[at] = vec4(a.x, b.x, c.x, d.x);
      ${shelf}[at + ${threads}u] = vec4(a.y, b.y, c.y, d.y);
    }`;
  return {
    name: `${side}x${side}`,
    declare: ["x_shelf", "weight_shelf"].map((name) => `var<workgroup> ${name}: array<vec4<f16>, ${2 * DEPTH * threads}>;`).join("\n"),
    body: `let first_row = group / p.across * ${side}u;
  let first_column = group % p.across * ${side}u;
  let high = lane / ${threads}u;
  let wide = lane % ${threads}u;
  ${each((i) => `var c${i} = vec4<f32>();`)}
  for (var w = 0u; w < p.words; w += ${DEPTH}u) {
    for (var e = lane; e < ${DEPTH * threads}u; e += ${lanes}u) {
    ${load("x_shelf", "x_pair", "first_row", "p.m")}
    ${load("weight_shelf", "weight_pair", "first_column", "p.n")}
    }
    workgroupBarrier();
    ${each((i) => `var h${i} = vec4<f16>();`)}
    for (var k = 0u; k < ${2 * DEPTH}u; k++) {
      let a = x_shelf[k * ${threads}u + high];
      let b = weight_shelf[k * ${threads}u + wide];
      ${each((i) => `h${i} = fma(vec4<f16>(a[${i}]), b, h${i});`)}
    }
    ${each((i) => `c${i} += vec4<f32>(h${i});`)}
    workgroupBarrier();
  }
  var sums = array<vec4<f32>, 4>(c0, c1, c2, c3);
  for (var i = 0u; i < 16u; i++) {
    let row = first_row + 4u * high + i / 4u;
    let column = first_column + 4u * wide + i % 4u;
    if (row < p.m && column < p.n) {
      let at = row * p.n + column;
      write_y(at, finish(sums[i / 4u][i % 4u] * read_units(row), column, at));
    }
  }`,
    across,
    lanes,
    groups: across * down,
  };
}

/** Up to so many rows each weight is read once and dotted with them. */
const DOT_ROWS = 4;
/** Invocations that share an output's sum, and outputs of a workgroup. */
const SHARE = 16;
const OUTPUTS = LANES / SHARE;

function dots(m: number, n: number): Shader {
  const across = Math.ceil(n / OUTPUTS);
  const rows = Array.from({ length: m }, (_, row) => row);
  const each = (line: (row: number) => string): string => rows.map(line).join(" ");
  return {
    name: `${m}x${OUTPUTS}`,
    declare: `var<workgroup> sums: array<f32, ${m * LANES}>;`,
    body: `let own = min(group * ${OUTPUTS}u + lane / ${SHARE}u, p.n - 1u);
  ${each((row) => `var c${row} = 0.0;`)}
  for (var first = lane % ${SHARE}u; first < p.words; first += ${SHARE * DEPTH}u) {
    ${each((row) => `var h${row} = vec2<f16>();`)}
    let end = min(p.words, first + ${SHARE * DEPTH}u);
    for (var w = first; w < end; w += ${SHARE}u) {
      let b = weight_pair(own, w);
      ${each((row) => `h${row} = fma(x_pair(${row}u, w), b, h${row});`)}
    }
    ${each((row) => `c${row} += f32(h${row}.x) + f32(h${row}.y);`)}
  }
  ${each((row) => `sums[${row * LANES}u + lane] = c${row};`)}
  workgroupBarrier();
  if (lane < ${m * OUTPUTS}u) {
    let row = lane / ${OUTPUTS}u;
    let column = group * ${OUTPUTS}u + lane % ${OUTPUTS}u;
    var sum = 0.0;
    for (var i = 0u; i < ${SHARE}u; i++) { sum += sums[row * ${LANES}u + lane % ${OUTPUTS}u * ${SHARE}u + i]; }
    if (column < p.n) {
      let at = row * p.n + column;
      write_y(at, finish(sum * read_units(row), column, at));
    }
  }`,
    across,
    lanes: LANES,
    groups: across,
  };
}
