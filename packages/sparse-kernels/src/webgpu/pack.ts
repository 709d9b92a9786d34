/** Sparse linear layers and their gradients in WGSL. Invocations are tokens, so that they read the same weights and other activations. */
import { API_VERSION } from "@pare/core";
import type { Call, Epilogue, WebgpuEncoder, WebgpuPack, WebgpuTensor, WebgpuTypes } from "@pare/backend-webgpu";
import { kernelsFor } from "@pare/tensor-core";
import { linearBlockInt8Op } from "../ops/linear-block-int8.ts";
import { linearBlockInputGradientOp, linearBlockOp, linearBlockValuesGradientOp } from "../ops/linear-block.ts";
import { linearCsrInputGradientOp, linearCsrOp, linearCsrValuesGradientOp } from "../ops/linear-csr.ts";

const implement = kernelsFor<WebgpuTypes>();

/** For the WebGPU device: `openWebgpu({ packs: [sparseWebgpuPack] })`. */
export const sparseWebgpuPack: WebgpuPack = {
  kind: "pack",
  id: "sparse/webgpu",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  backend: "webgpu",
  kernels: [
    implement(
      linearBlockOp,
      (encoder, { x, values, columns, blockRowStarts: starts, bias, residual }, { y }, { rows, width, activation }) =>
        encodeLinear(encoder, {
          x,
          places: { columns, starts },
          values,
          y,
          epilogue: { bias, residual, activation },
          size: { rows, width },
        }),
    ),
    implement(linearCsrOp, (encoder, { x, values, columns, rowStarts: starts, bias, residual }, { y }, { activation }) =>
      encodeLinear(encoder, { x, places: { columns, starts }, values, y, epilogue: { bias, residual, activation }, size: SINGLE }),
    ),
    implement(linearBlockInt8Op, (encoder, { x, pairs, scales, columns, blockRowStarts: starts, bias, residual }, { y }, { activation }) =>
      encodeInt8(encoder, { x, places: { columns, starts }, pairs, scales, y, epilogue: { bias, residual, activation } }),
    ),
    implement(linearBlockInputGradientOp, (encoder, { grad, values, columns, blockRowStarts: starts }, { x }, { rows, width }) =>
      encodeInputGradient(encoder, { grad, values, places: { columns, starts }, x, size: { rows, width } }),
    ),
    implement(linearCsrInputGradientOp, (encoder, { grad, values, columns, rowStarts: starts }, { x }) =>
      encodeInputGradient(encoder, { grad, values, places: { columns, starts }, x, size: SINGLE }),
    ),
    implement(linearBlockValuesGradientOp, (encoder, { grad, x, columns, blockRowStarts: starts }, { values }, { rows, width }) =>
      encodeValuesGradient(encoder, { grad, x, places: { columns, starts }, values, size: { rows, width } }),
    ),
    implement(linearCsrValuesGradientOp, (encoder, { grad, x, columns, rowStarts: starts }, { values }) =>
      encodeValuesGradient(encoder, { grad, x, places: { columns, starts }, values, size: SINGLE }),
    ),
  ],
};

const LANES = 64;
const SINGLE: Size = { rows: 1, width: 1 };
/** Inputs whose gradients a workgroup sums up in its memory: 32 · 64 floats. */
const CHUNK = 32;

interface Size {
  readonly rows: number;
  readonly width: number;
}

interface Places {
  readonly columns: WebgpuTensor;
  readonly starts: WebgpuTensor;
}

interface Linear {
  readonly x: WebgpuTensor;
  readonly places: Places;
  readonly values: WebgpuTensor;
  readonly y: WebgpuTensor;
  readonly epilogue: Epilogue;
  readonly size: Size;
}

/** A workgroup has 64 tokens and up to four outputs of a block row. */
function encodeLinear(encoder: WebgpuEncoder, { x, places, values, y, epilogue, size: { rows, width } }: Linear): void {
  const outputs = Math.min(4, rows);
  const [tokens, features, out] = [y.size / widthOf(y), widthOf(x), widthOf(y)];
  encodeTiles(encoder, { tokens, out, outputs, rows }, epilogue, {
    kernel: `f32_linear_${rows}x${width}`,
    reads: { ...places, values, xt: turned(encoder, x), ...given(epilogue) },
    writes: { y },
    sizes: { features, rows, width },
    body: `
  var sums: array<f32, ${outputs}>;
  for (var block = first; block < last; block++) {
    let column = u32(read_columns(block)) * p.width;
    for (var w = 0u; w < p.width && column + w < p.features; w++) {
      let at = (block * p.width + w) * p.rows + part;
      let value = read_xt((column + w) * p.tokens + token);
      for (var r = 0u; r < ${outputs}u; r++) { sums[r] += value * read_values(at + r); }
    }
  }`,
  });
}

interface Tiling {
  readonly tokens: number;
  readonly out: number;
  /** Outputs of a workgroup. */
  readonly outputs: number;
  /** Outputs of a block row. */
  readonly rows: number;
}

/** The body finds `token`, `part` (the first of its outputs within the block row) and blocks `[first, last)`, and gives `sums`. */
function encodeTiles(
  encoder: WebgpuEncoder,
  { tokens, out, outputs, rows }: Tiling,
  epilogue: Epilogue,
  call: Omit<Call, "lanes" | "groups" | "declare">,
): void {
  const [tiles, parts] = [Math.ceil(tokens / LANES), Math.ceil(out / outputs)];
  encoder.call({
    ...call,
    sizes: { ...call.sizes, tokens, out, tiles },
    declare: encoder.finish(epilogue),
    body: `let token = group % p.tiles * ${LANES}u + lane;
  if (token >= p.tokens) { return; }
  let output = group / p.tiles * ${outputs}u;
  let part = output % ${rows}u;
  let first = u32(read_starts(output / ${rows}u));
  let last = u32(read_starts(output / ${rows}u + 1u));
  ${call.body}
  for (var r = 0u; r < ${outputs}u && output + r < p.out; r++) {
    let at = token * p.out + output + r;
    write_y(at, finish(f32(sums[r]), output + r, at));
  }`,
    lanes: LANES,
    groups: tiles * parts,
  });
}

interface Int8 {
  readonly x: WebgpuTensor;
  readonly places: Places;
  readonly pairs: WebgpuTensor;
  readonly scales: WebgpuTensor;
  readonly y: WebgpuTensor;
  readonly epilogue: Epilogue;
}

/** Sums of integers, each scaled by its output's and then its token's scale, as the other backends do. */
function encodeInt8(encoder: WebgpuEncoder, { x, places, pairs, scales, y, epilogue }: Int8): void {
  const [tokens, features, out] = [y.size / widthOf(y), widthOf(x), widthOf(y)];
  const rounded = encoder.scratch("i32", x.size);
  const rowScales = encoder.scratch("f32", tokens);
  encoder.call({
    kernel: "int8_round_turned",
    reads: { x },
    writes: { rounded, row_scales: rowScales },
    sizes: { tokens, features },
    // A quotient put right by its remainder: adapters divide to within 2.5 units in the last place, and every device is to round alike.
    body: `let token = group * ${LANES}u + lane;
  if (token >= p.tokens) { return; }
  var largest = 0.0;
  for (var i = 0u; i < p.features; i++) { largest = max(largest, abs(read_x(token * p.features + i))); }
  let guess = 127.0 / largest;
  let inverse = select(fma(fma(-guess, largest, 127.0), 1.0 / largest, guess), 0.0, largest == 0.0);
  write_row_scales(token, largest / 127.0);
  for (var i = 0u; i < p.features; i++) {
    write_rounded(i * p.tokens + token, i32(round(read_x(token * p.features + i) * inverse)));
  }`,
    lanes: LANES,
    groups: Math.ceil(tokens / LANES),
  });
  encodeTiles(encoder, { tokens, out, outputs: 4, rows: 4 }, epilogue, {
    kernel: "int8_linear_4x2",
    reads: { ...places, pairs, scales, rounded, row_scales: rowScales, ...given(epilogue) },
    writes: { y },
    sizes: { features },
    body: `
  var whole: array<i32, 4>;
  for (var block = first; block < last; block++) {
    let column = u32(read_columns(block)) * 2u;
    let a = read_rounded(column * p.tokens + token);
    var b = 0;
    if (column + 1u < p.features) { b = read_rounded((column + 1u) * p.tokens + token); }
    for (var r = 0u; r < 4u; r++) {
      let pair = read_pairs(block * 4u + r);
      whole[r] += a * ((pair << 16u) >> 16u) + b * (pair >> 16u);
    }
  }
  var sums: array<f32, 4>;
  for (var r = 0u; r < 4u && output + r < p.out; r++) { sums[r] = f32(whole[r]) * read_scales(output + r) * read_row_scales(token); }`,
  });
}

interface InputGradient {
  readonly grad: WebgpuTensor;
  readonly values: WebgpuTensor;
  readonly places: Places;
  readonly x: WebgpuTensor;
  readonly size: Size;
}

/** A workgroup has 64 tokens and a chunk of inputs: it passes over all blocks and sums those of its inputs in its own memory. */
function encodeInputGradient(encoder: WebgpuEncoder, { grad, values, places, x, size: { rows, width } }: InputGradient): void {
  const [tokens, features, out] = [x.size / widthOf(x), widthOf(x), widthOf(grad)];
  const tiles = Math.ceil(tokens / LANES);
  encoder.call({
    kernel: `f32_linear_${rows}x${width}_input_gradient`,
    reads: { ...places, values, grad_t: turned(encoder, grad) },
    writes: { x },
    sizes: { tokens, features, out, tiles, rows, width, block_rows: Math.ceil(out / rows) },
    declare: `var<workgroup> sums: array<f32, ${CHUNK * LANES}>;`,
    // Each invocation keeps to its own place of every row of sums: none waits for another.
    body: `let token = group % p.tiles * ${LANES}u + lane;
  if (token >= p.tokens) { return; }
  let left = group / p.tiles * ${CHUNK}u;
  let right = min(left + ${CHUNK}u, p.features);
  for (var i = 0u; i < ${CHUNK}u; i++) { sums[i * ${LANES}u + lane] = 0.0; }
  for (var row = 0u; row < p.block_rows; row++) {
    let last = u32(read_starts(row + 1u));
    for (var block = u32(read_starts(row)); block < last; block++) {
      let first = u32(read_columns(block)) * p.width;
      for (var column = max(first, left); column < min(first + p.width, right); column++) {
        let at = (block * p.width + column - first) * p.rows;
        var sum = 0.0;
        for (var r = 0u; r < p.rows && row * p.rows + r < p.out; r++) {
          sum += read_grad_t((row * p.rows + r) * p.tokens + token) * read_values(at + r);
        }
        sums[(column - left) * ${LANES}u + lane] += sum;
      }
    }
  }
  for (var column = left; column < right; column++) { write_x(token * p.features + column, sums[(column - left) * ${LANES}u + lane]); }`,
    lanes: LANES,
    groups: tiles * Math.ceil(features / CHUNK),
  });
}

interface ValuesGradient {
  readonly grad: WebgpuTensor;
  readonly x: WebgpuTensor;
  readonly places: Places;
  readonly values: WebgpuTensor;
  readonly size: Size;
}

/** An invocation per value; which block row it belongs to is searched in the starts. */
function encodeValuesGradient(encoder: WebgpuEncoder, { grad, x, places, values, size: { rows, width } }: ValuesGradient): void {
  const [tokens, features, out] = [x.size / widthOf(x), widthOf(x), widthOf(grad)];
  encoder.call({
    kernel: `f32_linear_${rows}x${width}_values_gradient`,
    reads: { ...places, grad, x },
    writes: { values },
    sizes: { count: values.size, tokens, features, out, rows, width, block_rows: Math.ceil(out / rows) },
    body: `let i = group * ${LANES}u + lane;
  if (i >= p.count) { return; }
  let block = i / (p.rows * p.width);
  var row = 0u;
  var above = p.block_rows;
  while (above - row > 1u) {
    let middle = (row + above) / 2u;
    if (u32(read_starts(middle)) <= block) { row = middle; } else { above = middle; }
  }
  let output = row * p.rows + i % p.rows;
  let column = u32(read_columns(block)) * p.width + i / p.rows % p.width;
  var sum = 0.0;
  if (output < p.out && column < p.features) {
    for (var token = 0u; token < p.tokens; token++) { sum += read_grad(token * p.out + output) * read_x(token * p.features + column); }
  }
  write_values(i, sum);`,
    lanes: LANES,
    groups: Math.ceil(values.size / LANES),
  });
}

/** x `[tokens, width]` as `[width, tokens]`, in scratch: neighbouring tokens lie together. */
function turned(encoder: WebgpuEncoder, x: WebgpuTensor): WebgpuTensor {
  const xt = encoder.scratch("f32", x.size);
  encoder.call({
    kernel: "f32_turn",
    reads: { x },
    writes: { xt },
    sizes: { count: x.size, tokens: x.size / widthOf(x), width: widthOf(x) },
    body: `let i = group * ${LANES}u + lane;
  if (i < p.count) { write_xt(i, read_x(i % p.tokens * p.width + i / p.tokens)); }`,
    lanes: LANES,
    groups: Math.ceil(x.size / LANES),
  });
  return xt;
}

function given({ bias, residual }: Epilogue): Call["reads"] {
  return { bias, residual };
}

function widthOf({ shape }: WebgpuTensor): number {
  return shape.at(-1)!;
}
