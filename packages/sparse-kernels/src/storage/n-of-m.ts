/** N of M consecutive inputs are kept, everywhere alike: no starts are stored, and a place takes as many bits as M needs. */
import { API_VERSION, type Named } from "@pare/core";
import {
  asFloat32,
  packCodes,
  packedRowBytes,
  showShape,
  sourceOf,
  storageInvalid,
  unpackCodes,
  type Candidate,
  type HostTensor,
  type StorageDefinition,
  type StoredWeight,
  type TensorSource,
} from "@pare/tensor-core";
import { maskInvalid } from "../errors.ts";
import { linearCsr } from "../ops/linear-csr.ts";
import { gather, matrixShape, type Pattern } from "./pattern.ts";
import { isMatrixShape, onlyParts, partOf, refusal, type Parts } from "./pattern-parts.ts";
import { patterned } from "./sparse.ts";

/** Of `m` consecutive inputs `n` are kept. */
export interface GroupShape {
  readonly n: number;
  /** At most 256. */
  readonly m: number;
}

const MOST = 256;

interface Grouped {
  readonly shape: readonly [out: number, features: number];
  readonly group: GroupShape;
  readonly values: TensorSource;
  readonly positions: TensorSource;
  readonly pattern: () => Promise<Pattern>;
}

/**
 * Keeps what `mask` (u8 `[out, in]`) keeps of a dense weight.
 *
 * Throws `sparse-kernels/mask-invalid` unless that is exactly N of every M consecutive inputs of every output, counted from input 0 (of
 * a last group that is shorter up to N).
 */
export function toNOfM(dense: HostTensor, group: GroupShape, mask: HostTensor): StoredWeight {
  const shape = matrixShape(dense);
  const [out, features] = shape;
  if (showShape(mask.shape) !== showShape(shape)) throw maskInvalid({ expected: showShape(shape), found: showShape(mask.shape) });
  if (group.m > MOST) throw maskInvalid({ expected: `groups of at most ${MOST}`, found: `groups of ${group.m}` });
  const perRow = keptPerRow(features, group);
  const columns = new Int32Array(out * perRow);
  let at = 0;
  for (let row = 0; row < out; row++) {
    for (let begin = 0; begin < features; begin += group.m) {
      const end = Math.min(begin + group.m, features);
      const first = at;
      for (let column = begin; column < end; column++) if (Number(mask.data[row * features + column]) !== 0) columns[at++] = column;
      const wanted = Math.min(group.n, end - begin);
      if (at - first !== wanted) {
        const found = `${at - first} of inputs ${begin} to ${end - 1} of output ${row}`;
        throw maskInvalid({ expected: `${wanted} kept in each group of ${group.m}`, found });
      }
    }
  }
  const pattern = patternFrom(shape, perRow, columns);
  const bits = bitsOf(group);
  const bytes = packCodes(
    Uint8Array.from(columns, (column) => column % group.m),
    [1, columns.length],
    bits,
  );
  return groupedWeight({
    shape,
    group,
    values: sourceOf({ dtype: "f32", shape: [columns.length], data: gather(pattern, asFloat32(dense)) }),
    positions: sourceOf({ dtype: "u8", shape: [bytes.length], data: bytes }),
    pattern: () => Promise.resolve(pattern),
  });
}

/**
 * `values` f32 [n], row after row with inputs ascending, and `positions` u8: for each its place within its group of M, in
 * ⌈log₂ M⌉ bits, low bits first.
 */
export const nOfMStorage: Named<"storage", "sparse/n-of-m", StorageDefinition> = {
  kind: "storage",
  id: "sparse/n-of-m",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  define: { load },
};

function load(weight: string, descriptor: Readonly<Record<string, unknown>>, parts: Parts): StoredWeight {
  const refuse = refusal(weight);
  const { shape, n, m } = descriptor as { shape: unknown; n: number; m: number };
  if (!isMatrixShape(shape)) throw refuse("shape", "[out, in]", shape);
  if (!Number.isInteger(m) || m < 2 || m > MOST) throw refuse("m", `2 to ${MOST}`, m);
  if (!Number.isInteger(n) || n < 1 || n >= m) throw refuse("n", `1 to ${m - 1}`, n);
  onlyParts(weight, parts, ["values", "positions"]);
  const count = shape[0] * keptPerRow(shape[1], { n, m });
  const values = partOf(weight, parts, "values", "f32", [count]);
  const positions = partOf(weight, parts, "positions", "u8", [packedRowBytes(count, bitsOf({ n, m }))]);
  return groupedWeight({ shape, group: { n, m }, values, positions, pattern: () => readPattern(weight, shape, { n, m }, positions) });
}

async function readPattern(weight: string, shape: readonly [number, number], group: GroupShape, positions: TensorSource): Promise<Pattern> {
  const [out, features] = shape;
  const perRow = keptPerRow(features, group);
  const places = unpackCodes((await positions.read()).data as Uint8Array, [1, out * perRow], bitsOf(group));
  const columns = new Int32Array(places.length);
  for (let i = 0; i < places.length; i++) {
    const inRow = i % perRow;
    const begin = Math.floor(inRow / group.n) * group.m;
    const column = begin + places[i]!;
    const end = Math.min(begin + group.m, features);
    const first = inRow % group.n === 0;
    if (column >= end || (!first && column <= columns[i - 1]!)) {
      const expected = `places that ascend within each group and stay below ${end - begin}`;
      throw storageInvalid({ weight, field: "positions", expected, found: `${places[i]} at entry ${i}` });
    }
    columns[i] = column;
  }
  return patternFrom(shape, perRow, columns);
}

function groupedWeight(weight: Grouped): StoredWeight {
  const { shape, group, values, positions } = weight;
  const bytes = values.bytes + positions.bytes;
  return {
    ...patterned(weight, values, (next) => groupedWeight({ ...weight, values: next })),
    storage: "sparse/n-of-m",
    bytes,
    parts: { values, positions },
    descriptor: { shape: [...shape], ...group },
    candidates: (use) => (use === "linear" ? [candidateOf(weight)] : []),
  };
}

/** Runs as rows of single weights: columns and starts are made at upload. */
function candidateOf({ shape, values, pattern }: Grouped): Candidate {
  const [out, features] = shape;
  const part = (length: number, of: (read: Pattern) => Int32Array) => ({
    dtype: "i32" as const,
    shape: [length],
    make: async (): Promise<HostTensor> => ({ dtype: "i32", shape: [length], data: of(await pattern()) }),
  });
  const count = values.shape[0]!;
  return {
    name: "sparse-csr-linear",
    ops: ["linear-csr"],
    bytes: 8 * count + 4 * (out + 1),
    derived: { columns32: part(count, ({ columns }) => columns), rowStarts32: part(out + 1, ({ starts }) => starts) },
    lower: ({ x, bias }, part) =>
      linearCsr(
        { x, bias, values: part("values"), columns: part("columns32"), rowStarts: part("rowStarts32") },
        { out, features, activation: "none" },
      ),
  };
}

function patternFrom([out, features]: readonly [number, number], perRow: number, columns: Int32Array): Pattern {
  const starts = Int32Array.from({ length: out + 1 }, (_, row) => row * perRow);
  return { rows: 1, width: 1, out, features, columns, starts };
}

function keptPerRow(features: number, { n, m }: GroupShape): number {
  return Math.floor(features / m) * n + Math.min(n, features % m);
}

function bitsOf({ m }: GroupShape): number {
  return Math.max(1, Math.ceil(Math.log2(m)));
}
