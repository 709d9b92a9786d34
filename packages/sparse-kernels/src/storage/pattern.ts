/** Which weights are kept: blocks of `rows` outputs × `width` inputs, block row after block row. CSR is the case of 1 × 1. */
import { asFloat32, showShape, storageInvalid, type HostTensor } from "@pare/tensor-core";
import { maskInvalid } from "../errors.ts";

export interface Pattern {
  /** Outputs per block. */
  readonly rows: number;
  /** Inputs per block: block column c holds the inputs from `c · width` on. */
  readonly width: number;
  readonly out: number;
  readonly features: number;
  /** Block column of each block, ascending within a block row. */
  readonly columns: Int32Array;
  /** First block of each block row, and the number of blocks: `ceil(out / rows) + 1` entries. */
  readonly starts: Int32Array;
}

/** Fields a stored pattern is made of, for errors that name them. */
export interface PatternFields {
  readonly weight: string;
  readonly columns: string;
  readonly starts: string;
}

/** Outputs and inputs of a block. */
export type BlockSize = Pick<Pattern, "rows" | "width">;

/** The blocks of a dense `[out, in]` weight that hold a kept entry: one the mask keeps, or without a mask one that is not 0. */
export function patternOf(dense: HostTensor, { rows, width }: BlockSize, mask?: HostTensor): Pattern {
  const [out, features] = matrixShape(dense);
  if (mask !== undefined) checkMask(mask, out, features, { rows, width });
  const kept = mask === undefined ? asFloat32(dense).data : mask.data;
  const columns: number[] = [];
  const starts = new Int32Array(Math.ceil(out / rows) + 1);
  for (let blockRow = 0; blockRow + 1 < starts.length; blockRow++) {
    const first = blockRow * rows;
    const last = Math.min(first + rows, out);
    for (let column = 0; column * width < features; column++) {
      if (holdsKept(kept, features, [first, last], [column * width, Math.min((column + 1) * width, features)])) columns.push(column);
    }
    starts[blockRow + 1] = columns.length;
  }
  return { rows, width, out, features, columns: Int32Array.from(columns), starts };
}

type Range = readonly [begin: number, end: number];

function holdsKept(kept: ArrayLike<number | bigint>, features: number, [top, bottom]: Range, [left, right]: Range): boolean {
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) if (Number(kept[row * features + column]) !== 0) return true;
  }
  return false;
}

/** Values of the pattern's blocks, for each block input after input its `rows` values; entries past the last output or input are 0. */
export function gather(pattern: Pattern, dense: HostTensor, mask?: HostTensor): Float32Array {
  const data = asFloat32(dense).data as Float32Array;
  const values = new Float32Array(pattern.columns.length * pattern.rows * pattern.width);
  forEachEntry(pattern, (entry, index) => {
    values[entry] = mask === undefined || Number(mask.data[index]) !== 0 ? data[index]! : 0;
  });
  return values;
}

/** The dense `[out, in]` weight; pruned entries are 0. */
export function scatter(pattern: Pattern, values: ArrayLike<number>): Float32Array {
  const dense = new Float32Array(pattern.out * pattern.features);
  forEachEntry(pattern, (entry, index) => {
    dense[index] = values[entry]!;
  });
  return dense;
}

/** 1 at every entry of a kept block, `[out, in]`. */
export function maskOf(pattern: Pattern): Uint8Array {
  const mask = new Uint8Array(pattern.out * pattern.features);
  forEachEntry(pattern, (_entry, index) => {
    mask[index] = 1;
  });
  return mask;
}

/** Throws `tensor-core/storage-invalid` unless starts ascend from 0 to the number of blocks and columns ascend within each row. */
export function checkPattern({ starts, columns, features, width }: Pattern, fields: PatternFields): void {
  const blockColumns = Math.ceil(features / width);
  const refuse = (field: string, expected: string, found: string) => storageInvalid({ weight: fields.weight, field, expected, found });
  if (starts[0] !== 0) throw refuse(fields.starts, "a first entry of 0", `${starts[0]}`);
  if (starts[starts.length - 1] !== columns.length) {
    throw refuse(fields.starts, `a last entry of ${columns.length}, the length of ${fields.columns}`, `${starts[starts.length - 1]}`);
  }
  for (let row = 0; row + 1 < starts.length; row++) {
    if (starts[row + 1]! < starts[row]!) {
      throw refuse(fields.starts, "entries that never descend", `${starts[row]} then ${starts[row + 1]} at entry ${row + 1}`);
    }
  }
  for (let row = 0; row + 1 < starts.length; row++) {
    let previous = -1;
    for (let block = starts[row]!; block < starts[row + 1]!; block++) {
      const column = columns[block]!;
      if (column < 0 || column >= blockColumns)
        throw refuse(fields.columns, `columns from 0 to ${blockColumns - 1}`, `${column} at entry ${block}`);
      if (column <= previous) {
        const why = column === previous ? `${column} twice` : `${previous} before ${column}`;
        throw refuse(fields.columns, "each column of a row once, ascending", `${why} in row ${row}, at entry ${block}`);
      }
      previous = column;
    }
  }
}

/** The numbers of a 2-D shape. */
export function matrixShape(dense: HostTensor): readonly [out: number, features: number] {
  const [out, features] = dense.shape;
  if (dense.shape.length !== 2 || out === undefined || features === undefined) {
    throw storageInvalid({ weight: "dense", field: "shape", expected: "[out, in]", found: showShape(dense.shape) });
  }
  return [out, features];
}

/** Every kept entry: its place among the values, and its index in the dense weight. */
export function forEachEntry(
  { rows, width, out, features, columns, starts }: Pattern,
  visit: (entry: number, index: number) => void,
): void {
  for (let blockRow = 0; blockRow + 1 < starts.length; blockRow++) {
    const height = Math.min(rows, out - blockRow * rows);
    for (let block = starts[blockRow]!; block < starts[blockRow + 1]!; block++) {
      const first = columns[block]! * width;
      for (let column = first; column < Math.min(first + width, features); column++) {
        const entry = (block * width + column - first) * rows;
        for (let row = 0; row < height; row++) visit(entry + row, (blockRow * rows + row) * features + column);
      }
    }
  }
}

function checkMask(mask: HostTensor, out: number, features: number, { rows, width }: BlockSize): void {
  if (mask.shape.length !== 2 || mask.shape[0] !== out || mask.shape[1] !== features) {
    throw maskInvalid({ expected: showShape([out, features]), found: showShape(mask.shape) });
  }
  for (let row = 0; row < out; row++) {
    const first = row - (row % rows);
    for (let column = 0; column < features; column++) {
      const left = column - (column % width);
      if ((Number(mask.data[row * features + column]) !== 0) !== (Number(mask.data[first * features + left]) !== 0)) {
        throw maskInvalid({
          expected: `blocks of ${rows} outputs${width === 1 ? "" : ` and ${width} inputs`} kept or pruned together`,
          found: `output ${first} of input ${left} and output ${row} of input ${column} differ`,
        });
      }
    }
  }
}
