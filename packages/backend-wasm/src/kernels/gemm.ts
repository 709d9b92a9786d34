/** Encodes matrix products for the one GEMM kernel. */
import type { WasmEncoder } from "../types.ts";
import { epilogueFrom, type Epilogue } from "./epilogue.ts";

/** Element (i, k) of batch b lies at `address + i·row + k·step + b·batch` bytes; row or step is 4. */
export interface Operand {
  readonly address: number;
  readonly row: number;
  readonly step: number;
  readonly batch: number;
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

/** Floats of one panel block: most of a second-level cache of 1 MiB. */
const PANEL_FLOATS = 196608;
const STREAM_FLOATS = 65536;
const MAX_DEPTH = 768;

/** C = left·rightᵀ. The operand that is cheaper to pack becomes the panel. */
export function encodeGemm(encoder: WasmEncoder, { batch, m, n, k, left, right, c, epilogue }: Product): void {
  // Packing turns rows; where both are read along k, the smaller one is turned and C's tiles are stored across.
  const across = left.step === 4 && right.step === 4 && m < n;
  const [stream, panel] = across ? [right, left] : [left, right];
  const [ms, np] = across ? [n, m] : [m, n];
  const [cStream, cPanel] = across ? [4, 4 * n] : [4 * n, 4];
  const encodePart = (part: Part): void => {
    const { depth, streamRows, panelRows } = blocksFor(part.ms, part.np, k);
    const scratch = encoder.scratch(128 + 4 * depth * (panelRows + (stream.step === 4 ? 0 : streamRows)));
    const at = part.i * cStream + part.j * cPanel;
    const target = [c + part.b * 4 * m * n + at, cStream, cPanel, 4 * m * n];
    const sources = [...placeOf(stream, part.b, part.i), ...placeOf(panel, part.b, part.j)];
    const last = epilogueFrom(epilogue, 4 * (across ? part.i : part.j), part.b * 4 * m * n + at);
    encoder.call("f32_gemm_4x8", part.count, part.ms, part.np, k, ...sources, ...target, depth, streamRows, panelRows, scratch, ...last);
  };
  const whole = { b: 0, count: batch, i: 0, ms, j: 0, np };
  const nanoseconds = (batch * m * n * k) / 20;
  if (batch >= MANY) {
    encoder.divide({ size: batch, nanoseconds }, (b, end) => encodePart({ ...whole, b, count: end - b }));
  } else if (ms > np) {
    // Every part packs the panel again: its rows are few beside those that pass over it.
    encoder.divide({ size: ms, grain: 16, nanoseconds }, (i, end) => encodePart({ ...whole, i, ms: end - i }));
  } else encoder.divide({ size: np, grain: 8, nanoseconds }, (j, end) => encodePart({ ...whole, j, np: end - j }));
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
    streamRows: Math.min(roundUp(ms, 4), Math.max(4, roundUp(Math.floor(STREAM_FLOATS / depth) - 3, 4))),
    panelRows: Math.min(roundUp(np, 8), Math.max(8, roundUp(Math.floor(PANEL_FLOATS / depth) - 7, 8))),
  };
}

/** From a row of one of the batch on. */
function placeOf({ address, row, step, batch }: Operand, b: number, first: number): number[] {
  return [address + b * batch + first * row, row, step, batch];
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
