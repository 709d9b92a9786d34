/** Encodes matrix products for the one GEMM kernel. */
import type { WasmEncoder } from "../types.ts";

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
  readonly epilogue: readonly [bias: number, activation: number, residual: number];
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
  const { depth, streamRows, panelRows } = blocksFor(ms, np, k);
  const scratch = encoder.scratch(128 + 4 * depth * (panelRows + (stream.step === 4 ? 0 : streamRows)));
  const sizes = [batch, ms, np, k];
  const target = across ? [c, 4, 4 * n, 4 * m * n] : [c, 4 * n, 4, 4 * m * n];
  const blocks = [depth, streamRows, panelRows, scratch];
  encoder.call("f32_gemm_4x8", ...sizes, ...placeOf(stream), ...placeOf(panel), ...target, ...blocks, ...epilogue);
}

/** How much of k, of the stream's rows and of the panel's rows is worked on at a time. */
export function blocksFor(ms: number, np: number, k: number): { depth: number; streamRows: number; panelRows: number } {
  const depth = roundUp(Math.ceil(k / Math.ceil(k / MAX_DEPTH)), 4);
  return {
    depth,
    streamRows: Math.min(roundUp(ms, 4), Math.max(4, roundUp(Math.floor(STREAM_FLOATS / depth) - 3, 4))),
    panelRows: Math.min(roundUp(np, 8), Math.max(8, roundUp(Math.floor(PANEL_FLOATS / depth) - 7, 8))),
  };
}

function placeOf({ address, row, step, batch }: Operand): number[] {
  return [address, row, step, batch];
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
