/** Which weights are kept: blocks of `rows` outputs × 1 input, block row after block row. CSR is the case of one row. */
import { asFloat32, showShape, storageInvalid, type HostTensor } from "@pare/tensor-core";
import { maskInvalid } from "../errors.ts";

export interface Pattern {
  /** Outputs per block. */
  readonly rows: number;
  readonly out: number;
  readonly features: number;
  /** Input of each block, ascending within a block row. */
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

/** The blocks of a dense `[out, in]` weight that hold a kept entry: one the mask keeps, or without a mask one that is not 0. */
export function patternOf(dense: HostTensor, rows: number, mask?: HostTensor): Pattern {
  const [out, features] = matrixShape(dense);
  if (mask !== undefined) checkMask(mask, out, features, rows);
  const kept = mask === undefined ? asFloat32(dense).data : mask.data;
  const columns: number[] = [];
  const starts = new Int32Array(Math.ceil(out / rows) + 1);
  for (let blockRow = 0; blockRow + 1 < starts.length; blockRow++) {
    const first = blockRow * rows;
    const last = Math.min(first + rows, out);
    for (let column = 0; column < features; column++) {
      for (let row = first; row < last; row++) {
        if (Number(kept[row * features + column]) !== 0) {
          columns.push(column);
          break;
        }
      }
    }
    starts[blockRow + 1] = columns.length;
  }
  return { rows, out, features, columns: Int32Array.from(columns), starts };
}

/** Values of the pattern's blocks, `rows` after `rows`; entries past the last output are 0. */
export function gather(pattern: Pattern, dense: HostTensor, mask?: HostTensor): Float32Array {
  const data = asFloat32(dense).data as Float32Array;
  const values = new Float32Array(pattern.columns.length * pattern.rows);
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
export function checkPattern({ starts, columns, features }: Pattern, fields: PatternFields): void {
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
      if (column < 0 || column >= features)
        throw refuse(fields.columns, `columns from 0 to ${features - 1}`, `${column} at entry ${block}`);
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

function forEachEntry({ rows, out, features, columns, starts }: Pattern, visit: (entry: number, index: number) => void): void {
  for (let blockRow = 0; blockRow + 1 < starts.length; blockRow++) {
    const kept = Math.min(rows, out - blockRow * rows);
    for (let block = starts[blockRow]!; block < starts[blockRow + 1]!; block++) {
      for (let row = 0; row < kept; row++) visit(block * rows + row, (blockRow * rows + row) * features + columns[block]!);
    }
  }
}

function checkMask(mask: HostTensor, out: number, features: number, rows: number): void {
  if (mask.shape.length !== 2 || mask.shape[0] !== out || mask.shape[1] !== features) {
    throw maskInvalid({ expected: showShape([out, features]), found: showShape(mask.shape) });
  }
  for (let row = 0; row < out; row++) {
    const first = row - (row % rows);
    for (let column = 0; column < features; column++) {
      if ((Number(mask.data[row * features + column]) !== 0) !== (Number(mask.data[first * features + column]) !== 0)) {
        throw maskInvalid({
          expected: `blocks of ${rows} outputs kept or pruned together`,
          found: `outputs ${first} and ${row} of input ${column} differ`,
        });
      }
    }
  }
}
