/**
 * Affine storage: x ≈ scale·(code − zeroPoint) with unsigned codes of 2–8 bits, so 0.0 is exact wherever code = zeroPoint
 * (Jacob et al. 2018, eq. 1). Codes lie row by row, low bits first, each row padded to whole bytes.
 */
import { API_VERSION, type Named } from "@pare/core";
import { sizeOf } from "../dim.ts";
import { storageInvalid } from "../errors.ts";
import { f32, sourceOf, type HostTensor, type TensorSource } from "../host.ts";
import { dequantizeAffineOp } from "../ops/dequantize-affine.ts";
import { linearAffine, linearAffineOp } from "../ops/linear-affine.ts";
import { linearAffineInt8, linearAffineInt8Op } from "../ops/linear-affine-int8.ts";
import { rowsAffine, rowsAffineOp } from "../ops/rows-affine.ts";
import { packedRowBytes, unpackCodes } from "./codes.ts";
import type { Candidate, DerivedPart, StorageDefinition, StoredWeight } from "./storage.ts";

export interface AffineParts {
  /** `[out, in]` */
  readonly shape: readonly number[];
  /** 2–8. */
  readonly bits: number;
  /** Columns that share a scale; `in` when a scale serves a whole row or the whole tensor. */
  readonly groupSize: number;
  /** u8 `[out, ceil(in·bits / 8)]` */
  readonly codes: TensorSource;
  /** f32 `[out, groups]`, or `[1, 1]` for one scale per tensor. */
  readonly scales: TensorSource;
  /** u8, shaped as the scales; absent: 2^(bits−1) everywhere (symmetric). */
  readonly zeroPoints?: TensorSource | undefined;
}

/** A weight kept as affine codes. Reads nothing; parts are taken as they are (`affineStorage` checks those of files). */
export function affineWeight(parts: AffineParts): StoredWeight {
  const { shape, bits, groupSize, codes, scales, zeroPoints } = parts;
  const named = { codes, scales, ...(zeroPoints === undefined ? {} : { zeroPoints }) };
  return {
    storage: "affine",
    shape,
    bytes: Object.values(named).reduce((total, part) => total + part.bytes, 0),
    parts: named,
    descriptor: { shape, bits, groupSize },
    trainable: false,
    dense: () => dequantize(parts),
    kept: () => countKept(parts),
    candidates: (use) => (use === "rows" ? [candidateOf(parts, rowsAffineOp.name)] : LINEAR.map((op) => candidateOf(parts, op))),
  };
}

const LINEAR: readonly string[] = [linearAffineOp.name, linearAffineInt8Op.name];

/** 4 and 8 bits run as they are stored; other widths are widened to one byte per code at upload. */
function candidateOf(parts: AffineParts, op: string): Candidate {
  const { shape, groupSize, codes, zeroPoints, bits: stored } = parts;
  const [out, features] = shape as [number, number];
  const direct = stored === 4 || stored === 8;
  const bits = direct ? stored : 8;
  const derived = direct ? undefined : widenedParts(parts);
  const attrs = { bits: bits as 4 | 8, features, groupSize };
  const lower: Candidate["lower"] = ({ x, bias }, part) => {
    const tensors = { codes: part(direct ? "codes" : "codes8"), scales: part("scales") };
    const zero = direct ? zeroPoints && part("zeroPoints") : part("zeroPoints8");
    if (op === rowsAffineOp.name) return rowsAffine({ ...tensors, ids: x, zeroPoints: zero }, attrs);
    const layer = op === linearAffineOp.name ? linearAffine : linearAffineInt8;
    return layer({ ...tensors, x, bias, zeroPoints: zero }, { ...attrs, activation: "none" });
  };
  return { name: op, ops: [op], approximate: op === linearAffineInt8Op.name, bytes: direct ? codes.bytes : out * features, lower, derived };
}

/** The zero point keeps its value when codes move into wider bytes, so it must then be given explicitly. */
function widenedParts({ shape, bits, codes, scales, zeroPoints }: AffineParts): Record<string, DerivedPart> {
  const [out, features] = shape as [number, number];
  return {
    codes8: {
      dtype: "u8",
      shape: [out, features],
      make: async () => ({
        dtype: "u8",
        shape: [out, features],
        data: unpackCodes((await codes.read()).data as Uint8Array, [out, features], bits),
      }),
    },
    zeroPoints8: {
      dtype: "u8",
      shape: scales.shape,
      make: async () =>
        (await zeroPoints?.read()) ?? {
          dtype: "u8",
          shape: scales.shape,
          data: new Uint8Array(sizeOf(scales.shape)).fill(2 ** (bits - 1)),
        },
    },
  };
}

async function dequantize({ shape, bits, groupSize, codes, scales, zeroPoints }: AffineParts): Promise<HostTensor> {
  const [out, features] = shape as [number, number];
  const bytes = unpackCodes((await codes.read()).data as Uint8Array, [out, features], bits);
  const zero = (await zeroPoints?.read()) ?? {
    dtype: "u8" as const,
    shape: scales.shape,
    data: new Uint8Array(sizeOf(scales.shape)).fill(2 ** (bits - 1)),
  };
  const inputs = { codes: { dtype: "u8" as const, shape: [out, features], data: bytes }, scales: await scales.read(), zeroPoints: zero };
  const { y } = dequantizeAffineOp.reference(inputs, { bits: 8, features, groupSize });
  return f32([out, features], y.data as Float32Array);
}

/** Codes other than the one of 0; a scale of 0, which files of others may hold, makes all of its group 0. */
async function countKept({ shape, bits, groupSize, codes, scales, zeroPoints }: AffineParts): Promise<number> {
  const [out, features] = shape as [number, number];
  const bytes = unpackCodes((await codes.read()).data as Uint8Array, [out, features], bits);
  const { data: scale } = await scales.read();
  const zero = (await zeroPoints?.read())?.data;
  const groups = Math.ceil(features / groupSize);
  const shared = scale.length === 1;
  let kept = 0;
  for (let row = 0; row < out; row++) {
    for (let group = 0; group < groups; group++) {
      const at = shared ? 0 : row * groups + group;
      if (scale[at] === 0) continue;
      const none = zero?.[at] ?? 2 ** (bits - 1);
      const end = row * features + Math.min(features, (group + 1) * groupSize);
      for (let i = row * features + group * groupSize; i < end; i++) if (bytes[i] !== none) kept++;
    }
  }
  return kept;
}

export const affineStorage: Named<"storage", "affine", StorageDefinition> = {
  kind: "storage",
  id: "affine",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/tensor-core",
  define: { load },
};

function load(weight: string, descriptor: Readonly<Record<string, unknown>>, parts: Readonly<Record<string, TensorSource>>): StoredWeight {
  const check = (field: string, holds: boolean, expected: string, found: unknown): void => {
    if (!holds) throw storageInvalid({ weight, field, expected, found: String(found) });
  };
  const { shape, bits, groupSize } = descriptor as { shape: number[]; bits: number; groupSize: number };
  check(
    "shape",
    Array.isArray(shape) && shape.length === 2 && shape.every((size) => Number.isSafeInteger(size) && size > 0),
    "[out, in]",
    JSON.stringify(shape),
  );
  check("bits", Number.isInteger(bits) && bits >= 2 && bits <= 8, "2 to 8", bits);
  check("groupSize", Number.isInteger(groupSize) && groupSize > 0 && groupSize <= shape[1]!, `1 to ${shape[1]}`, groupSize);
  const { codes, scales, zeroPoints } = parts;
  const groups = Math.ceil(shape[1]! / groupSize);
  check(
    "codes",
    codes !== undefined && codes.dtype === "u8" && codes.shape.join() === `${shape[0]},${packedRowBytes(shape[1]!, bits)}`,
    `u8 [${shape[0]}, ${packedRowBytes(shape[1]!, bits)}]`,
    show(codes),
  );
  const perTensor = scales?.shape.join() === "1,1" && groups === 1;
  check(
    "scales",
    scales !== undefined && scales.dtype === "f32" && (perTensor || scales.shape.join() === `${shape[0]},${groups}`),
    `f32 [${shape[0]}, ${groups}]`,
    show(scales),
  );
  check(
    "zeroPoints",
    zeroPoints === undefined || (zeroPoints.dtype === "u8" && zeroPoints.shape.join() === scales!.shape.join()),
    "u8, shaped as the scales",
    show(zeroPoints),
  );
  return affineWeight({ shape, bits, groupSize, codes: codes!, scales: scales!, zeroPoints });
}

function show(part: TensorSource | undefined): string {
  return part === undefined ? "nothing" : `${part.dtype} [${part.shape.join(", ")}]`;
}

/** An affine weight over data in memory. */
export function affineOf(
  parts: Omit<AffineParts, "codes" | "scales" | "zeroPoints"> & {
    codes: HostTensor;
    scales: HostTensor;
    zeroPoints?: HostTensor | undefined;
  },
): StoredWeight {
  const { codes, scales, zeroPoints, ...rest } = parts;
  return affineWeight({ ...rest, codes: sourceOf(codes), scales: sourceOf(scales), zeroPoints: zeroPoints && sourceOf(zeroPoints) });
}
