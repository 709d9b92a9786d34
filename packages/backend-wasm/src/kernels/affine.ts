import {
  dequantizeAffineOp,
  linearAffineInt8Op,
  linearAffineOp,
  linearHalfOp,
  rowsAffineOp,
  rowsHalfOp,
  type AffineAttrs,
  type HalfAttrs,
  type Kernel,
} from "@pare/tensor-core";
import { implement, type WasmEncoder, type WasmTensor, type WasmTypes } from "../types.ts";
import { epilogueArguments, epilogueFrom, type Epilogue } from "./epilogue.ts";
import { blocksFor, HEIGHT, roundUp, WIDTH } from "./gemm.ts";
import { DOT_ROWS } from "./linear.ts";

interface Parts {
  readonly codes: WasmTensor;
  readonly scales: WasmTensor;
  readonly zeroPoints?: WasmTensor | undefined;
}

export const affineKernels: readonly Kernel<WasmTypes>[] = [
  implement(dequantizeAffineOp, (encoder, parts, { y }, attrs) =>
    encoder.divide({ size: y.shape[0]!, nanoseconds: y.size }, (begin, end) =>
      encoder.call("f32_dequantize_affine", ...weightArguments(parts, attrs, begin), y.address + 4 * begin * attrs.features, end - begin),
    ),
  ),
  implement(rowsAffineOp, (encoder, { ids, ...parts }, { y }, attrs) =>
    encodeRows(encoder, weightArguments(parts, attrs, 0), { ids, y, out: parts.codes.shape[0]!, features: attrs.features }),
  ),
  implement(rowsHalfOp, (encoder, { ids, halves }, { y }, attrs) =>
    encodeRows(encoder, halfArguments(halves, attrs, 0), { ids, y, out: halves.shape[0]!, features: attrs.features }),
  ),
  implement(linearAffineOp, (encoder, { x, bias, residual, ...parts }, { y }, { activation, ...attrs }) => {
    const epilogue = epilogueArguments({ bias, residual }, activation, encoder.norm());
    encodeFloats(encoder, { ...attrs, weight: (first) => weightArguments(parts, attrs, first), x, y, epilogue });
  }),
  implement(linearHalfOp, (encoder, { x, halves, bias, residual }, { y }, { activation, ...attrs }) => {
    const epilogue = epilogueArguments({ bias, residual }, activation, encoder.norm());
    const kind = { bits: FORMATS[attrs.format], features: attrs.features, groupSize: attrs.features };
    encodeFloats(encoder, { ...kind, weight: (first) => halfArguments(halves, attrs, first), x, y, epilogue });
  }),
  implement(linearAffineInt8Op, (encoder, { x, bias, residual, ...parts }, { y }, { activation, ...attrs }) => {
    const rows = x.size / attrs.features;
    const rounded = { parts, attrs, x, y, rows, epilogue: epilogueArguments({ bias, residual }, activation, encoder.norm()) };
    if (rows > DOT_ROWS) encodeTiles(encoder, rounded);
    else if (inBlocks(attrs)) encodeFewRounded(encoder, rounded);
    else encodeDots(encoder, rounded);
  }),
];

interface Lookup {
  readonly ids: WasmTensor;
  readonly y: WasmTensor;
  /** Rows of the weight. */
  readonly out: number;
  readonly features: number;
}

function encodeRows(encoder: WasmEncoder, weight: readonly number[], { ids, y, out, features }: Lookup): void {
  encoder.divide({ size: ids.size, nanoseconds: y.size }, (begin, end) => {
    const to = y.address + 4 * begin * features;
    encoder.call("f32_rows_affine", ...weight, ids.address + 4 * begin, to, end - begin, out);
  });
}

interface Floats {
  readonly x: WasmTensor;
  readonly y: WasmTensor;
  /** Or what stands for them, as `FORMATS` says. */
  readonly bits: number;
  readonly features: number;
  readonly groupSize: number;
  /** The arguments of the weight for its rows from one on. */
  readonly weight: (first: number) => readonly number[];
  readonly epilogue: Epilogue;
}

/** A product of x as it is. */
function encodeFloats(encoder: WasmEncoder, floats: Floats): void {
  const { weight, x, y, features, epilogue } = floats;
  const [out, rows] = [y.shape.at(-1)!, x.size / features];
  if (rows <= DOT_ROWS && inBlocks(floats)) {
    encodeFew(encoder, floats);
    return;
  }
  encoder.divide({ size: out, grain: 4, nanoseconds: (out * x.size) / (rows <= DOT_ROWS ? 4 : 15) }, (begin, end) => {
    const count = end - begin;
    const places = [x.address, y.address + 4 * begin, 4 * out, rows, count];
    const common = [...weight(begin), ...places, ...epilogueFrom(epilogue, 4 * begin, 4 * begin)];
    if (rows <= DOT_ROWS) encoder.call("f32_linear_affine_1x1", ...common, encoder.scratch(4 * features));
    else {
      const { depth, streamRows, panelRows } = blocksFor(count, rows, features);
      const scratch = encoder.scratch(256 + 4 * depth * (panelRows + streamRows));
      encoder.call("f32_linear_affine_4x8", ...common, depth, streamRows, panelRows, scratch);
    }
  });
}

/** Groups are whole vectors of the weight. */
function inBlocks({ bits, groupSize, features }: Pick<Floats, "bits" | "groupSize" | "features">): boolean {
  const block = 128 / Math.min(bits, 16);
  return features % block === 0 && groupSize % block === 0;
}

/** A few rows of x, in whole blocks. */
function encodeFew(encoder: WasmEncoder, { weight, x, y, bits, features, groupSize, epilogue }: Floats): void {
  const [out, rows] = [y.shape.at(-1)!, x.size / features];
  const [arranged, sums] = [encoder.scratch(4 * x.size), encoder.scratch(4 * rows * Math.ceil(features / groupSize))];
  encoder.call("f32_arrange_blocks", x.address, arranged, sums, rows, features, groupSize, bits);
  encoder.divide({ size: out, grain: 4, nanoseconds: (out * x.size) / 15 }, (begin, end) => {
    const places = [arranged, sums, y.address + 4 * begin, 4 * out, rows, end - begin];
    encoder.call("f32_linear_affine_1x4", ...weight(begin), ...places, ...epilogueFrom(epilogue, 4 * begin, 4 * begin));
  });
}

/** A product of x, rounded first, and codes. */
interface Rounded {
  readonly parts: Parts;
  readonly attrs: AffineAttrs;
  readonly x: WasmTensor;
  readonly y: WasmTensor;
  readonly rows: number;
  readonly epilogue: Epilogue;
}

/** Many rows: slivers of x, panels of the weight. */
function encodeTiles(encoder: WasmEncoder, { parts, attrs, x, y, rows, epilogue }: Rounded): void {
  const [out, { features, groupSize }] = [parts.codes.shape[0]!, attrs];
  const qRow = paddedBytes(attrs);
  const [q, scales] = [encoder.scratch(qRow * roundUp(rows, HEIGHT)), encoder.scratch(4 * roundUp(rows, HEIGHT))];
  encoder.divide({ size: rows, grain: HEIGHT, nanoseconds: x.size }, (begin, end) => {
    const places = [x.address + 4 * begin * features, q + begin * qRow, qRow, scales + 4 * begin, end - begin, features, groupSize];
    encoder.call("f32_round_slivers", ...places, encoder.scratch(HEIGHT * qRow));
  });
  const panelBytes = 32 * Math.ceil(features / groupSize) + WIDTH * qRow;
  const constant = parts.scales.constant && parts.zeroPoints?.constant !== false;
  const rowsOfPanel = encoder.scratch(WIDTH * qRow);
  const pack = (to: number): number[] => [...weightArguments(parts, attrs, 0), qRow, out, to, rowsOfPanel];
  const packed = constant ? encoder.repacked(parts.codes, Math.ceil(out / WIDTH) * panelBytes, "i16_pack_affine", pack) : undefined;
  encoder.divide({ size: out, grain: WIDTH, nanoseconds: (out * x.size) / 30 }, (begin, end) => {
    const places = [q, qRow, scales, y.address + 4 * begin, 4 * out, rows, end - begin];
    const last = epilogueFrom(epilogue, 4 * begin, 4 * begin);
    const panels = packed === undefined ? 0 : packed + (begin / WIDTH) * panelBytes;
    const scratch = encoder.scratch(packed === undefined ? 160 + panelBytes + WIDTH * qRow : 160);
    encoder.call("i16_linear_affine_5x8", ...weightArguments(parts, attrs, begin), ...places, ...last, panels, scratch);
  });
}

/** A few rows of codes in groups of whole blocks. */
function encodeFewRounded(encoder: WasmEncoder, { parts, attrs, x, y, rows, epilogue }: Rounded): void {
  const [out, { features, groupSize, bits }] = [parts.codes.shape[0]!, attrs];
  const [q, scales, sums] = [2 * x.size, 4 * rows, 4 * rows * Math.ceil(features / groupSize)].map((bytes) => encoder.scratch(bytes));
  encoder.call("f32_round_blocks", x.address, q!, scales!, sums!, rows, features, groupSize, bits, encoder.scratch(2 * features));
  encoder.divide({ size: out, grain: 4, nanoseconds: (out * x.size) / 20 }, (begin, end) => {
    const places = [q!, scales!, sums!, y.address + 4 * begin, 4 * out, rows, end - begin];
    const last = epilogueFrom(epilogue, 4 * begin, 4 * begin);
    encoder.call("i16_linear_affine_1x4", ...weightArguments(parts, attrs, begin), ...places, ...last);
  });
}

/** A few rows of any other codes. */
function encodeDots(encoder: WasmEncoder, { parts, attrs, x, y, rows, epilogue }: Rounded): void {
  const [out, { features }] = [parts.codes.shape[0]!, attrs];
  const qRow = 2 * roundUp(features, 2);
  const [q, scales] = [encoder.scratch(qRow * rows), encoder.scratch(4 * rows)];
  encoder.call("f32_round_rows", x.address, q, qRow, scales, rows, features, features);
  encoder.divide({ size: out, grain: 4, nanoseconds: (out * x.size) / 8 }, (begin, end) => {
    const places = [q, qRow, scales, y.address + 4 * begin, 4 * out, rows, end - begin];
    const last = epilogueFrom(epilogue, 4 * begin, 4 * begin);
    encoder.call("i16_linear_affine_1x1", ...weightArguments(parts, attrs, begin), ...places, ...last);
  });
}

/** Of a row of i16 whose groups are filled up to even numbers. */
function paddedBytes({ features, groupSize }: AffineAttrs): number {
  const whole = Math.floor(features / groupSize);
  return 2 * (whole * roundUp(groupSize, 2) + roundUp(features - whole * groupSize, 2));
}

/** The first eight arguments of every affine kernel, for the rows from `first` on. */
function weightArguments({ codes, scales, zeroPoints }: Parts, { bits, features, groupSize }: AffineAttrs, first: number): number[] {
  // One scale for the whole tensor serves every row.
  const groups = scales.size === 1 ? 0 : scales.shape[1]!;
  const [rowBytes, at] = [codes.shape[1]!, first * groups];
  const zeros = zeroPoints === undefined ? 0 : zeroPoints.address + at;
  return [codes.address + first * rowBytes, rowBytes, scales.address + 4 * at, zeros, groups, bits, groupSize, features];
}

/** As `lib/half.ts` numbers them. */
const FORMATS = { f16: 16, bf16: 17 } as const;

/** The same for a weight of 16-bit floats. */
function halfArguments(halves: WasmTensor, { format, features }: HalfAttrs, first: number): number[] {
  return [halves.address + 2 * first * features, 2 * features, 0, 0, 0, FORMATS[format], features, features];
}
