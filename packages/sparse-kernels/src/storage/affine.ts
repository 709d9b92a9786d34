/** Sparse and quantized at once: kept blocks, their values as symmetric codes. */
import { API_VERSION, type Named } from "@pare/core";
import {
  f32,
  packCodes,
  packedRowBytes,
  sourceOf,
  storageInvalid,
  unpackCodes,
  type Candidate,
  type DerivedPart,
  type HostTensor,
  type StorageDefinition,
  type StoredWeight,
  type TensorSource,
} from "@pare/tensor-core";
import { linearBlockInt8, pairCodes } from "../ops/linear-block-int8.ts";
import { BLOCK_SHAPES, blockLayout, type BlockShape } from "./block.ts";
import { CSR } from "./csr.ts";
import { forEachEntry, maskOf, patternOf, scatter } from "./pattern.ts";
import { columnsOf, loadPlaces, onlyParts, partOf, placesOf, refusal, type Places } from "./pattern-parts.ts";
import type { Layout } from "./sparse.ts";

/** Single weights, or blocks. */
export type SparseShape = BlockShape | { readonly rows: 1; readonly columns?: 1 | undefined };

/** A whole weight as symmetric codes: value = scale · (code − 2^(bits−1)). */
export interface SymmetricCodes {
  /** `[out, in]` */
  readonly shape: readonly [number, number];
  /** 2–8. */
  readonly bits: number;
  /** Inputs that share a scale; `in` where a scale serves a whole row. */
  readonly groupSize: number;
  /** u8 `[out, in]`, one code a byte. */
  readonly codes: Uint8Array;
  /** f32 `[out, groups]`. */
  readonly scales: Float32Array;
}

interface Quantized {
  readonly layout: Layout;
  readonly places: Places;
  readonly bits: number;
  readonly groupSize: number;
  /** u8 `[ceil(n·rows·width·bits / 8)]`: codes of the blocks in the order in which `sparse/block` keeps their values, low bits first. */
  readonly codes: TensorSource;
  /** f32 `[out, groups]`. */
  readonly scales: TensorSource;
}

/**
 * Keeps the codes of the blocks that `mask` (u8 `[out, in]`) keeps.
 *
 * Throws `sparse-kernels/mask-invalid` for a mask that prunes a part of a block, `sparse-kernels/block-unsupported`.
 */
export function toSparseAffine(
  { shape, bits, groupSize, codes, scales }: SymmetricCodes,
  block: SparseShape,
  mask: HostTensor,
): StoredWeight {
  const layout = layoutFor(block);
  const pattern = patternOf({ dtype: "f32", shape, data: new Float32Array(0) }, layout, mask);
  // What pads a block stands for 0.
  const kept = new Uint8Array(pattern.columns.length * layout.rows * layout.width).fill(2 ** (bits - 1));
  forEachEntry(pattern, (entry, index) => {
    kept[entry] = codes[index]!;
  });
  const bytes = packCodes(kept, [1, kept.length], bits);
  return quantizedWeight({
    layout,
    places: placesOf(layout, pattern),
    bits,
    groupSize,
    codes: sourceOf({ dtype: "u8", shape: [bytes.length], data: bytes }),
    scales: sourceOf(f32([shape[0], Math.ceil(shape[1] / groupSize)], scales)),
  });
}

/** Bytes of a weight stored so, of which this many blocks are kept. */
export function sparseAffineBytes(
  blocks: number,
  { shape: [out, features], bits, groupSize }: Pick<SymmetricCodes, "shape" | "bits" | "groupSize">,
  block: SparseShape,
): number {
  const { rows, width } = layoutFor(block);
  const columnBytes = Math.ceil(features / width) <= 2 ** 16 ? 2 : 4;
  const starts = 4 * (Math.ceil(out / rows) + 1);
  return packedRowBytes(blocks * rows * width, bits) + 4 * out * Math.ceil(features / groupSize) + columnBytes * blocks + starts;
}

/**
 * Blocks of `rows` × `columns` as codes of `bits` bits with one scale per row and group of `groupSize` inputs. `columns` and
 * `blockRowStarts` are those of `sparse/block`; single weights are blocks of 1×1.
 */
export const sparseAffineStorage: Named<"storage", "sparse/affine", StorageDefinition> = {
  kind: "storage",
  id: "sparse/affine",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  define: { load },
};

function load(weight: string, descriptor: Readonly<Record<string, unknown>>, parts: Readonly<Record<string, TensorSource>>): StoredWeight {
  const refuse = refusal(weight);
  const { rows, columns, bits, groupSize } = descriptor as { rows: number; columns: number; bits: number; groupSize: number };
  const shapes = [{ rows: 1, columns: 1 }, ...BLOCK_SHAPES];
  const block = shapes.find((shape) => shape.rows === rows && shape.columns === columns);
  const known = shapes.map((shape) => `${shape.rows}×${shape.columns}`).join(", ");
  if (block === undefined) throw refuse("rows, columns", known, `${rows}×${columns}`);
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) throw refuse("bits", "2 to 8", bits);
  const layout = layoutFor(block as SparseShape);
  onlyParts(weight, parts, ["codes", "scales", "columns", layout.starts]);
  const places = loadPlaces(layout, weight, descriptor, parts);
  const [out, features] = places.shape;
  if (!Number.isInteger(groupSize) || groupSize < 1 || groupSize > features) throw refuse("groupSize", `1 to ${features}`, groupSize);
  const codes = partOf(weight, parts, "codes", "u8", [packedRowBytes(places.blocks * rows * columns, bits)]);
  const scales = partOf(weight, parts, "scales", "f32", [out, Math.ceil(features / groupSize)]);
  return quantizedWeight({ layout, places, bits, groupSize, codes, scales: finite(weight, scales) });
}

function finite(weight: string, scales: TensorSource): TensorSource {
  const read = async (): Promise<HostTensor> => {
    const tensor = await scales.read();
    const bad = (tensor.data as Float32Array).findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw storageInvalid({ weight, field: "scales", expected: "finite numbers", found: `${tensor.data[bad]} at entry ${bad}` });
    return tensor;
  };
  return { ...scales, read };
}

function quantizedWeight(weight: Quantized): StoredWeight {
  const { layout, places, bits, groupSize, codes, scales } = weight;
  const { rows, width } = layout;
  const parts = { codes, scales, ...places.parts };
  return {
    storage: "sparse/affine",
    shape: places.shape,
    bytes: Object.values(parts).reduce((total, part) => total + part.bytes, 0),
    parts,
    descriptor: { shape: [...places.shape], rows, columns: width, bits, groupSize },
    trainable: false,
    dense: async () => ({ dtype: "f32", shape: places.shape, data: scatter(await places.pattern(), await valuesOf(weight)) }),
    mask: async () => ({ dtype: "u8", shape: places.shape, data: maskOf(await places.pattern()) }),
    candidates: (use) => (use === "linear" ? [floatCandidate(weight), ...int8Candidate(weight)] : []),
  };
}

/** What the codes stand for, in floats, at the same places. */
function floatCandidate(weight: Quantized): Candidate {
  const { layout, places } = weight;
  const columns = columnsOf(places);
  const count = places.blocks * layout.rows * layout.width;
  const values: DerivedPart = { dtype: "f32", shape: [count], make: async () => f32([count], await valuesOf(weight)) };
  const starts = places.parts[layout.starts]!;
  return {
    ...layout.candidate(...places.shape, { values: "values32", columns: columns.part }),
    bytes: values.shape[0]! * 4 + places.parts["columns"]!.bytes + starts.bytes,
    derived: { ...columns.derived, values32: values },
  };
}

/** Codes as they are, where pairs of inputs and one scale per row make sums of integers possible. */
function int8Candidate(weight: Quantized): Candidate[] {
  const { layout, places, groupSize, scales } = weight;
  const [out, features] = places.shape;
  if (layout.rows !== 4 || layout.width !== 2 || groupSize !== features) return [];
  const columns = columnsOf(places);
  const count = 4 * places.blocks;
  const make = async (): Promise<HostTensor> => ({ dtype: "i32", shape: [count], data: pairCodes(await signedCodes(weight)) });
  return [
    {
      name: "sparse-block-linear-int8",
      ops: ["linear-block-int8"],
      approximate: true,
      bytes: 4 * count + places.parts["columns"]!.bytes,
      derived: {
        ...columns.derived,
        pairs: { dtype: "i32", shape: [count], make },
        rowScales: { dtype: "f32", shape: [out], make: async () => f32([out], (await scales.read()).data as Float32Array) },
      },
      lower: ({ x, bias }, part) =>
        linearBlockInt8(
          { x, bias, pairs: part("pairs"), scales: part("rowScales"), columns: part(columns.part), blockRowStarts: part(layout.starts) },
          { out, features, activation: "none" },
        ),
    },
  ];
}

async function signedCodes({ layout, places, bits, codes }: Quantized): Promise<Int32Array> {
  const count = places.blocks * layout.rows * layout.width;
  const bytes = unpackCodes((await codes.read()).data as Uint8Array, [1, count], bits);
  return Int32Array.from(bytes, (code) => code - 2 ** (bits - 1));
}

async function valuesOf(weight: Quantized): Promise<Float32Array> {
  const [pattern, codes, scales] = await Promise.all([weight.places.pattern(), signedCodes(weight), weight.scales.read()]);
  const groups = scales.shape[1]!;
  const values = new Float32Array(codes.length);
  forEachEntry(pattern, (entry, index) => {
    const [row, column] = [Math.floor(index / pattern.features), index % pattern.features];
    values[entry] = Number(scales.data[row * groups + Math.floor(column / weight.groupSize)]) * codes[entry]!;
  });
  return values;
}

function layoutFor(block: SparseShape): Layout {
  return block.rows === 1 ? CSR : blockLayout(block);
}
