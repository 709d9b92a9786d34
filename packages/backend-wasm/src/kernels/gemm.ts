/** Encodes matrix products for the one GEMM kernel. */
import type { WasmEncoder, WasmTensor } from "../types.ts";
import { epilogueFrom, type Epilogue } from "./epilogue.ts";

/** Element (i, k) of batch b lies at `address + i·row + k·step + b·batch` bytes; row or step is 4. */
export interface Operand {
  readonly address: number;
  readonly row: number;
  readonly step: number;
  readonly batch: number;
  /** What it is, where it may be a weight: one that never changes is packed once. */
  readonly tensor?: WasmTensor | undefined;
}

export interface Product {
  readonly batch: number;
  /** Rows of the left operand and of C. */
  readonly m: number;
  /** Rows of the right operand, columns of C. */
  readonly n: number;
  readonly k: number;
  readonly left: Operand;
  readonly right: Operand;
  /** Row-major `[batch, m, n]`. */
  readonly c: number;
  readonly epilogue: Epilogue;
}

/** Floats of one panel block: most of a second-level cache of 512 KiB. */
const PANEL_FLOATS = 98304;
/** Floats of one stream block: it passes through the second-level cache once for each panel. */
const STREAM_FLOATS = 16384;
const MAX_DEPTH = 768;
/** Rows of a sliver and of a panel, as in `lib/pack.ts`. */
export const HEIGHT = 5;
export const WIDTH = 8;

/** C = left·rightᵀ. A weight or else the larger operand becomes the stream: the panel is packed once, the stream once for each panel block. */
export function encodeGemm(encoder: WasmEncoder, { batch, m, n, k, left, right, c, epilogue }: Product): void {
  // The kernel tells the rows of C from its columns by their stride: with one column both are 4, and the weight may not be the stream.
  const packed = batch === 1 && n > 1 ? packedOnce(encoder, right, n, k) : undefined;
  const across = packed !== undefined || (left.step === 4 && right.step === 4 && m < n);
  const [stream, panel] = across ? [right, left] : [left, right];
  const [ms, np] = across ? [n, m] : [m, n];
  const [cStream, cPanel] = across ? [4, 4 * n] : [4 * n, 4];
  const encodePart = (part: Part): void => {
    const { depth, streamRows, panelRows } = blocksFor(part.ms, part.np, k);
    const scratch = encoder.scratch(384 + 4 * depth * (panelRows + (packed === undefined ? streamRows : 0)));
    const at = part.i * cStream + part.j * cPanel;
    const target = [c + part.b * 4 * m * n + at, cStream, cPanel, 4 * m * n];
    const sources = [...placeOf(stream, part.b, part.i), ...placeOf(panel, part.b, part.j)];
    const blocks = [depth, streamRows, panelRows, scratch, packed === undefined ? 0 : packed + 4 * part.i * k];
    const last = epilogueFrom(epilogue, 4 * (across ? part.i : part.j), part.b * 4 * m * n + at);
    encoder.call("f32_gemm_5x8", part.count, part.ms, part.np, k, ...sources, ...target, ...blocks, ...last);
  };
  const whole = { b: 0, count: batch, i: 0, ms, j: 0, np };
  const nanoseconds = (batch * m * n * k) / 20;
  if (batch >= MANY) {
    encoder.divide({ size: batch, nanoseconds }, (b, end) => encodePart({ ...whole, b, count: end - b }));
  } else if (ms > np) {
    // Every part packs the panel again: its rows are few beside those that pass over it.
    encoder.divide({ size: ms, grain: HEIGHT, nanoseconds }, (i, end) => encodePart({ ...whole, i, ms: end - i }));
  } else encoder.divide({ size: np, grain: WIDTH, nanoseconds }, (j, end) => encodePart({ ...whole, j, np: end - j }));
}

/** Slivers of a weight. */
function packedOnce(encoder: WasmEncoder, { tensor, address, row, step }: Operand, rows: number, k: number): number | undefined {
  const bytes = 4 * roundUp(rows, HEIGHT) * k;
  return tensor && encoder.repacked(tensor, bytes, "f32_pack_slivers", (to) => [rows, k, address, row, step, to]);
}

/** `count` products from the one numbered `b` on, of `ms` stream rows from `i` and `np` panel rows from `j`. */
interface Part {
  readonly b: number;
  readonly count: number;
  readonly i: number;
  readonly ms: number;
  readonly j: number;
  readonly np: number;
}

/** From this many products on, whole ones are divided among threads. */
const MANY = 8;

/** How much of k, of the stream's rows and of the panel's rows is worked on at a time. */
export function blocksFor(ms: number, np: number, k: number): { depth: number; streamRows: number; panelRows: number } {
  const depth = roundUp(Math.ceil(k / Math.ceil(k / MAX_DEPTH)), 4);
  return {
    depth,
    streamRows: Math.min(roundUp(ms, HEIGHT), Math.max(HEIGHT, roundUp(Math.floor(STREAM_FLOATS / depth) - 4, HEIGHT))),
    panelRows: Math.min(roundUp(np, WIDTH), Math.max(WIDTH, roundUp(Math.floor(PANEL_FLOATS / depth) - 7, WIDTH))),
  };
}

/** From a row of one of the batch on. */
function placeOf({ address, row, step, batch }: Operand, b: number, first: number): number[] {
  return [address + b * batch + first * row, row, step, batch];
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
