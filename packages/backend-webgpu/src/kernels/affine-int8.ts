/**
 * Linear layers over activations rounded to int8, each token by its own scale: sums of products of bytes, four to an instruction
 * where WGSL has `dot4I8Packed`. Codes of 8 bits are moved to signed bytes (code − 128), so that with q the rounded activations a word
 * adds Σq·(code − z) = Σq·(code − 128) + (128 − z)·Σq.
 */
import { linearAffineInt8Op, type Kernel } from "@pare/tensor-core";
import { implement, type Features, type WebgpuEncoder, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { reductions } from "../wgsl/reduce.ts";
import { affine } from "./affine.ts";
import { finish } from "./epilogue.ts";

const LANES = 64;
/** Invocations that share an output's sum; outputs and tokens of a workgroup. */
const SHARE = 8;
const OUTPUTS = LANES / SHARE;
const TOKENS = 4;

/** How a row of x lies rounded: groups padded with zeros to whole words of columns, so that codes past a group's end add nothing. */
interface Layout {
  readonly groups: number;
  /** Words of codes per group, each of 4 columns (8 bits) or 8 (4 bits). */
  readonly codeWords: number;
  /** Words of rounded x per group: for 4 bits two for each word of codes, of its even and of its odd columns. */
  readonly xWords: number;
}

export const affineInt8Kernel: Kernel<WebgpuTypes> = implement(
  linearAffineInt8Op,
  (encoder, { x, bias, residual, ...weight }, { y }, { activation, ...attrs }) => {
    const { bits, features, groupSize } = attrs;
    const perWord = 32 / bits;
    const codeWords = Math.ceil(groupSize / perWord);
    const layout: Layout = { groups: Math.ceil(features / groupSize), codeWords, xWords: bits === 8 ? codeWords : 2 * codeWords };
    const tokens = x.size / features;
    const rounded = encoder.scratch("i32", tokens * layout.groups * layout.xWords);
    const xScales = encoder.scratch("f32", tokens);
    encodeRounding(encoder, { x, rounded, xScales, bits, features, groupSize, layout });
    const { reads, sizes, declare } = affine(weight, attrs);
    const out = weight.codes.shape[0]!;
    const [across, down] = [Math.ceil(out / OUTPUTS), Math.ceil(tokens / TOKENS)];
    encoder.call({
      kernel: `int8_linear_int${bits}_${TOKENS}x${OUTPUTS}`,
      reads: { ...reads, rounded, x_scales: xScales, bias, residual },
      writes: { y },
      sizes: { ...sizes, tokens, out, across, features, words: layout.groups * codeWords, code_words: codeWords },
      declare: [declare, finish({ bias, residual, activation }), dotOf(encoder.features), codesOf(bits), SUMS].join("\n"),
      body: dotBody(bits),
      lanes: LANES,
      groups: across * down,
    });
  },
);

interface Rounding {
  readonly x: WebgpuTensor;
  readonly rounded: WebgpuTensor;
  readonly xScales: WebgpuTensor;
  readonly bits: 4 | 8;
  readonly features: number;
  readonly groupSize: number;
  readonly layout: Layout;
}

/** A workgroup per token; ties go to even, as the reference has it. */
function encodeRounding(encoder: WebgpuEncoder, { x, rounded, xScales, bits, features, groupSize, layout }: Rounding): void {
  // Byte b of word w: 8 bits in order; 4 bits by even columns in even words, odd columns in odd ones.
  const column = bits === 8 ? "4u * w + b" : "8u * (w >> 1u) + 2u * b + (w & 1u)";
  encoder.call({
    kernel: `int8_round_${bits}`,
    reads: { x },
    writes: { rounded, x_scales: xScales },
    sizes: { features, group_size: groupSize, words: layout.groups * layout.xWords, group_words: layout.xWords },
    declare: reductions(["max"], { lanes: LANES, features: encoder.features }),
    body: `let row = group * p.features;
  var largest = 0.0;
  for (var i = lane; i < p.features; i += ${LANES}u) { largest = max(largest, abs(read_x(row + i))); }
  largest = reduce_max(largest, lane);
  // A quotient put right by its remainder: adapters divide to within 2.5 units in the last place, and every device is to round alike.
  let guess = 127.0 / largest;
  let inverse = select(fma(fma(-guess, largest, 127.0), 1.0 / largest, guess), 0.0, largest == 0.0);
  if (lane == 0u) { write_x_scales(group, largest / 127.0); }
  for (var i = lane; i < p.words; i += ${LANES}u) {
    let w = i % p.group_words;
    let start = i / p.group_words * p.group_size;
    var word = 0u;
    for (var b = 0u; b < 4u; b++) {
      let column = ${column};
      if (column < p.group_size && start + column < p.features) {
        word |= (bitcast<u32>(i32(round(read_x(row + start + column) * inverse))) & 255u) << (8u * b);
      }
    }
    write_rounded(group * p.words + i, bitcast<i32>(word));
  }`,
    lanes: LANES,
    groups: xScales.size,
  });
}

function dotOf({ packedDot }: Features): string {
  if (packedDot) return "fn dot_bytes(a: u32, b: u32, sum: i32) -> i32 { return sum + dot4I8Packed(a, b); }";
  return `fn dot_bytes(a: u32, b: u32, sum: i32) -> i32 {
  let x = vec4(extractBits(bitcast<i32>(a), 0u, 8u), extractBits(bitcast<i32>(a), 8u, 8u), extractBits(bitcast<i32>(a), 16u, 8u), extractBits(bitcast<i32>(a), 24u, 8u));
  let y = vec4(extractBits(bitcast<i32>(b), 0u, 8u), extractBits(bitcast<i32>(b), 8u, 8u), extractBits(bitcast<i32>(b), 16u, 8u), extractBits(bitcast<i32>(b), 24u, 8u));
  return sum + dot(x, y);
}`;
}

/** `codes_from(row, column)`: a word of codes from any column on, whose byte need not begin a word; 4 bits from an odd column too. */
function codesOf(bits: 4 | 8): string {
  const odd = `if ((column & 1u) == 1u) { word = (word >> 4u) | (unaligned(byte + 4u) << 28u); }`;
  return `fn unaligned(byte: u32) -> u32 {
  let shift = 8u * (byte & 3u);
  let low = word_codes(byte >> 2u) >> shift;
  if (shift == 0u) { return low; }
  return low | (word_codes((byte >> 2u) + 1u) << (32u - shift));
}
fn codes_from(row: u32, column: u32) -> u32 {
  let byte = row * p.row_bytes + ${bits === 8 ? "column" : "(column >> 1u)"};
  var word = unaligned(byte);
  ${bits === 8 ? "" : odd}
  return word;
}`;
}

const SUMS = `var<workgroup> sums: array<f32, ${LANES * TOKENS}>;`;

function dotBody(bits: 4 | 8): string {
  const tokens = Array.from({ length: TOKENS }, (_, token) => token);
  const each = (line: (token: number) => string): string => tokens.map(line).join("\n      ");
  const products =
    bits === 8
      ? (t: number) =>
          `{ let q = word_rounded(min(first + ${t}u, p.tokens - 1u) * p.words + i); c${t} = fma(scale, f32(dot_bytes(q, signed, shift * dot_bytes(q, 0x01010101u, 0))), c${t}); }`
      : (t: number) =>
          `{ let at = 2u * (min(first + ${t}u, p.tokens - 1u) * p.words + i); let q = word_rounded(at); let r = word_rounded(at + 1u);
      let both = dot_bytes(q, 0x01010101u, dot_bytes(r, 0x01010101u, 0));
      c${t} = fma(scale, f32(dot_bytes(q, even, dot_bytes(r, odd, shift * both))), c${t}); }`;
  // Codes of 4 bits are small enough to be dotted as they are.
  const [codes, shift] =
    bits === 8
      ? ["let signed = codes_from(row, start + 4u * w) ^ 0x80808080u;", "128 - zero_point(place)"]
      : [
          "let word = codes_from(row, start + 8u * w); let even = word & 0x0f0f0f0fu; let odd = (word >> 4u) & 0x0f0f0f0fu;",
          "-zero_point(place)",
        ];
  return `let row = min(group % p.across * ${OUTPUTS}u + lane / ${SHARE}u, p.out - 1u);
  let first = group / p.across * ${TOKENS}u;
  ${tokens.map((t) => `var c${t} = 0.0;`).join(" ")}
  for (var i = lane % ${SHARE}u; i < p.words; i += ${SHARE}u) {
    let w = i % p.code_words;
    let start = i / p.code_words * p.group_size;
    let place = scale_place(row, i / p.code_words);
    let scale = read_scales(place);
    let shift = ${shift};
    ${codes}
    ${each(products)}
  }
  ${tokens.map((t) => `sums[${t * LANES}u + lane] = c${t};`).join(" ")}
  workgroupBarrier();
  if (lane < ${OUTPUTS * TOKENS}u) {
    let token = first + lane / ${OUTPUTS}u;
    let column = group % p.across * ${OUTPUTS}u + lane % ${OUTPUTS}u;
    var sum = 0.0;
    for (var i = 0u; i < ${SHARE}u; i++) { sum += sums[lane / ${OUTPUTS}u * ${LANES}u + lane % ${OUTPUTS}u * ${SHARE}u + i]; }
    if (token < p.tokens && column < p.out) {
      let at = token * p.out + column;
      write_y(at, finish(sum * read_x_scales(token), column, at));
    }
  }`;
}
