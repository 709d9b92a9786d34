/** Matrix products over any way the operands lie or are stored: C = left·rightᵀ. */
import type { ProductStrides } from "@pare/tensor-core";
import type { Epilogue, WebgpuEncoder, WebgpuTensor } from "../types.ts";
import { finish } from "./epilogue.ts";

/** One side of a product. */
export interface Operand {
  /** Tensors that its `declare` reads. */
  readonly reads: Readonly<Record<string, WebgpuTensor | undefined>>;
  readonly sizes: Readonly<Record<string, number>>;
  /** Declares `<side>_at(row, k, batch) -> f32`. */
  readonly declare: string;
  /** Neighbours along k lie beside each other, so that lanes load along k. */
  readonly alongK: boolean;
}

export interface Product {
  /** Of the kernel's name: "f32_linear". */
  readonly name: string;
  readonly batch: number;
  /** Rows of the left operand and of C. */
  readonly m: number;
  /** Rows of the right operand, columns of C. */
  readonly n: number;
  readonly k: number;
  readonly left: Operand;
  readonly right: Operand;
  /** Row-major `[batch, m, n]`. */
  readonly c: WebgpuTensor;
  readonly epilogue: Epilogue;
}

export type Side = "left" | "right";

/** Element (row, k) of batch b at `row·rowStep + k·kStep + b·batchStep`. */
export function dense(side: Side, tensor: WebgpuTensor, [rowStep, kStep, batchStep]: ProductStrides): Operand {
  const names = ["row", "k", "batch"].map((axis) => `${side}_${axis}_step`);
  return {
    reads: { [side]: tensor },
    sizes: { [names[0]!]: rowStep, [names[1]!]: kStep, [names[2]!]: batchStep },
    declare: `fn ${side}_at(row: u32, k: u32, batch: u32) -> f32 {
  return read_${side}(row * p.${names[0]} + k * p.${names[1]} + batch * p.${names[2]});
}`,
    alongK: kStep === 1,
  };
}

/** Up to so many rows each weight is read once and dotted with them; from there on tiles pay. */
const DOT_ROWS = 4;

export function encodeProduct(encoder: WebgpuEncoder, product: Product): void {
  if (product.m <= DOT_ROWS && product.right.alongK) encodeDot(encoder, product);
  else encodeTiles(encoder, product);
}

interface Tile {
  /** Invocations of a workgroup along rows and columns, and outputs of each. */
  readonly threads: readonly [number, number];
  readonly outputs: readonly [number, number];
  readonly depth: number;
}

const SMALL: Tile = { threads: [8, 8], outputs: [4, 4], depth: 16 };
const LARGE: Tile = { threads: [16, 16], outputs: [4, 4], depth: 16 };
/** From so many large tiles on there are enough of them for every core of a GPU. */
const MANY_TILES = 64;

function encodeTiles(encoder: WebgpuEncoder, { name, batch, m, n, k, left, right, c, epilogue }: Product): void {
  const large = batch * Math.ceil(m / 64) * Math.ceil(n / 64) >= MANY_TILES;
  const tile = large ? LARGE : SMALL;
  const [rows, columns] = [tile.threads[0] * tile.outputs[0], tile.threads[1] * tile.outputs[1]];
  const { bias, residual } = epilogue;
  const [across, down] = [Math.ceil(n / columns), Math.ceil(m / rows)];
  encoder.call({
    kernel: `${name}_${rows}x${columns}`,
    reads: { ...left.reads, ...right.reads, bias, residual },
    writes: { c },
    sizes: { m, n, k, across, down, ...left.sizes, ...right.sizes },
    declare: [left.declare, right.declare, finish(epilogue), shelves(rows, columns, tile.depth)].join("\n"),
    body: tileBody(tile, left.alongK, right.alongK),
    lanes: tile.threads[0] * tile.threads[1],
    groups: batch * across * down,
  });
}

function shelves(rows: number, columns: number, depth: number): string {
  return `var<workgroup> left_tile: array<f32, ${rows * depth}>;\nvar<workgroup> right_tile: array<f32, ${columns * depth}>;`;
}

/** Both operands pass through workgroup memory, k by k; each invocation keeps its outputs in registers. */
function tileBody({ threads: [down, across], outputs: [high, wide], depth }: Tile, leftAlong: boolean, rightAlong: boolean): string {
  const lanes = down * across;
  const each = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join(" ");
  const load = (side: Side, size: number, first: string, limit: string, along: boolean): string => `
    for (var e = lane; e < ${size * depth}u; e += ${lanes}u) {
      let kk = ${along ? `e % ${depth}u` : `e / ${size}u`};
      let row = ${along ? `e / ${depth}u` : `e % ${size}u`};
      var value = 0.0;
      if (${first} + row < ${limit} && k + kk < p.k) { value = ${side}_at(${first} + row, k + kk, batch); }
      ${side}_tile[kk * ${size}u + row] = value;
    }`;
  return `let batch = group / (p.across * p.down);
  let first_row = group / p.across % p.down * ${down * high}u;
  let first_column = group % p.across * ${across * wide}u;
  let row = lane / ${across}u * ${high}u;
  let column = lane % ${across}u;
  ${each(high * wide, (i) => `var c${i} = 0.0;`)}
  for (var k = 0u; k < p.k; k += ${depth}u) {
    ${load("left", down * high, "first_row", "p.m", leftAlong)}
    ${load("right", across * wide, "first_column", "p.n", rightAlong)}
    workgroupBarrier();
    for (var kk = 0u; kk < ${depth}u; kk++) {
      ${each(high, (i) => `let a${i} = left_tile[kk * ${down * high}u + row + ${i}u];`)}
      ${each(wide, (j) => `let b${j} = right_tile[kk * ${across * wide}u + column + ${j * across}u];`)}
      ${each(high * wide, (i) => `c${i} = fma(a${Math.floor(i / wide)}, b${i % wide}, c${i});`)}
    }
    workgroupBarrier();
  }
  var sums = array<f32, ${high * wide}>(${Array.from({ length: high * wide }, (_, i) => `c${i}`).join(", ")});
  for (var i = 0u; i < ${high * wide}u; i++) {
    let at_row = first_row + row + i / ${wide}u;
    let at_column = first_column + column + i % ${wide}u * ${across}u;
    if (at_row < p.m && at_column < p.n) {
      let at = (batch * p.m + at_row) * p.n + at_column;
      write_c(at, finish(sums[i], at_column, at));
    }
  }`;
}

/** Invocations that share an output's sum, and outputs of a workgroup. */
const SHARE = 16;
const OUTPUTS = 4;

function encodeDot(encoder: WebgpuEncoder, { name, batch, m, n, k, left, right, c, epilogue }: Product): void {
  const { bias, residual } = epilogue;
  const across = Math.ceil(n / OUTPUTS);
  const rows = Array.from({ length: m }, (_, row) => row);
  encoder.call({
    kernel: `${name}_${m}x${OUTPUTS}`,
    reads: { ...left.reads, ...right.reads, bias, residual },
    writes: { c },
    sizes: { m, n, k, across, ...left.sizes, ...right.sizes },
    declare: [left.declare, right.declare, finish(epilogue), `var<workgroup> sums: array<f32, ${m * SHARE * OUTPUTS}>;`].join("\n"),
    body: `let batch = group / p.across;
  let own = lane / ${SHARE}u;
  let column = min(group % p.across * ${OUTPUTS}u + own, p.n - 1u);
  ${rows.map((row) => `var c${row} = 0.0;`).join(" ")}
  for (var k = lane % ${SHARE}u; k < p.k; k += ${SHARE}u) {
    let b = right_at(column, k, batch);
    ${rows.map((row) => `c${row} = fma(left_at(${row}u, k, batch), b, c${row});`).join(" ")}
  }
  ${rows.map((row) => `sums[${row * SHARE * OUTPUTS}u + lane] = c${row};`).join(" ")}
  workgroupBarrier();
  if (lane < ${m * OUTPUTS}u) {
    let row = lane / ${OUTPUTS}u;
    let column = group % p.across * ${OUTPUTS}u + lane % ${OUTPUTS}u;
    var sum = 0.0;
    for (var i = 0u; i < ${SHARE}u; i++) { sum += sums[(row * ${OUTPUTS}u + lane % ${OUTPUTS}u) * ${SHARE}u + i]; }
    if (column < p.n) {
      let at = (batch * p.m + row) * p.n + column;
      write_c(at, finish(sum, column, at));
    }
  }`,
    lanes: SHARE * OUTPUTS,
    groups: batch * across,
  });
}
