/** Dense storage: the tensor as it is (f32, f16 or bf16), with an optional mask of what was pruned. */
import { API_VERSION, type Named } from "@pare/core";
import { storageInvalid, weightNotFinite } from "../errors.ts";
import { sizeOf } from "../dim.ts";
import { asFloat32, f32, sourceOf, type HostTensor, type TensorSource } from "../host.ts";
import { packCodes, packedRowBytes, unpackCodes } from "./codes.ts";
import { linearF16, linearF16Op } from "../ops/linear-f16.ts";
import { linearHalf, linearHalfOp } from "../ops/linear-half.ts";
import { rowsHalf, rowsHalfOp } from "../ops/rows-half.ts";
import { largestHalf, type HalfFormat } from "../ops/support/half.ts";
import type { Candidate, DerivedPart, StorageDefinition, StoredWeight, WeightUse } from "./storage.ts";

/**
 * @param values any float dtype; computed with as f32, f16 and bf16 widened where they are read on devices that can.
 * @param mask u8 of the same shape: 1 kept, 0 pruned. Where it is 0 the value must be 0.
 */
export function denseWeight(values: TensorSource, mask?: TensorSource): StoredWeight {
  return {
    storage: "dense",
    shape: values.shape,
    bytes: values.bytes + (mask === undefined ? 0 : packedMask(mask).bytes),
    parts: mask === undefined ? { values } : { values, mask: packedMask(mask) },
    descriptor: {},
    trainable: true,
    dense: async () => asFloat32(await values.read()),
    mask: mask === undefined ? undefined : () => mask.read(),
    withValues: (dense) => denseWeight(sourceOf(dense), mask),
    candidates: (use) => (isHalf(values) && values.shape.length === 2 ? halfCandidates(values, use) : []),
  };
}

type Half = TensorSource & { readonly dtype: HalfFormat };

function isHalf(values: TensorSource): values is Half {
  return values.dtype === "f16" || values.dtype === "bf16";
}

/** 16-bit floats stay such on the device: half the memory and half of what a token reads. */
function halfCandidates(values: Half, use: WeightUse): Candidate[] {
  const [out, features] = values.shape as [number, number];
  const attrs = { format: values.dtype, features };
  const op = use === "rows" ? rowsHalfOp.name : linearHalfOp.name;
  const make = async (weight: string): Promise<HostTensor> => {
    const { data } = await values.read();
    if (values.dtype === "f16" && (data as Uint16Array).some((bits) => (bits & 0x7c00) === 0x7c00)) throw weightNotFinite({ weight });
    return { dtype: "u8", shape: [out, 2 * features], data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  };
  const halves: DerivedPart = { dtype: "u8", shape: [out, 2 * features], make };
  const exact: Candidate = {
    name: op,
    ops: [op],
    bytes: values.bytes,
    derived: { halves },
    lower: ({ x, bias }, part) =>
      use === "rows"
        ? rowsHalf({ halves: part("halves"), ids: x }, attrs)
        : linearHalf({ x, halves: part("halves"), bias }, { ...attrs, activation: "none" }),
  };
  return use === "rows" || values.dtype !== "f16" ? [exact] : [exact, f16Candidate(values, halves)];
}

/** Where a device computes in f16, x and sums may be such too. */
function f16Candidate(values: Half, halves: DerivedPart): Candidate {
  const largest = async (): Promise<HostTensor> => f32([1], [largestHalf((await values.read()).data as Uint16Array)]);
  return {
    name: linearF16Op.name,
    ops: [linearF16Op.name],
    approximate: true,
    bytes: values.bytes,
    derived: { halves, largest: { dtype: "f32", shape: [1], make: largest } },
    lower: ({ x, bias }, part) =>
      linearF16({ x, halves: part("halves"), largest: part("largest"), bias }, { features: values.shape[1]!, activation: "none" }),
  };
}

/** A bit per entry, low bits first. */
function packedMask(mask: TensorSource): TensorSource {
  const count = sizeOf(mask.shape);
  const shape = [packedRowBytes(count, 1)];
  const read = async (): Promise<HostTensor> => ({
    dtype: "u8",
    shape,
    data: packCodes((await mask.read()).data as Uint8Array, [1, count], 1),
  });
  return { dtype: "u8", shape, bytes: shape[0]!, read };
}

function unpackedMask(packed: TensorSource, shape: readonly number[]): TensorSource {
  const count = sizeOf(shape);
  const read = async (): Promise<HostTensor> => ({
    dtype: "u8",
    shape,
    data: unpackCodes((await packed.read()).data as Uint8Array, [1, count], 1),
  });
  return { dtype: "u8", shape, bytes: count, read };
}

/** A dense weight over data in memory. */
export function denseOf(tensor: HostTensor, mask?: HostTensor): StoredWeight {
  return denseWeight(sourceOf(tensor), mask && sourceOf(mask));
}

export const denseStorage: Named<"storage", "dense", StorageDefinition> = {
  kind: "storage",
  id: "dense",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/tensor-core",
  define: {
    load: (weight, _descriptor, { values, mask }) => {
      if (values === undefined) throw storageInvalid({ weight, field: "values", expected: "a tensor", found: "nothing" });
      if (!["f64", "f32", "f16", "bf16"].includes(values.dtype)) {
        throw storageInvalid({ weight, field: "values", expected: "f64, f32, f16 or bf16", found: values.dtype });
      }
      const packed = packedRowBytes(sizeOf(values.shape), 1);
      if (mask !== undefined && (mask.dtype !== "u8" || mask.shape.join() !== `${packed}`)) {
        throw storageInvalid({
          weight,
          field: "mask",
          expected: `u8 [${packed}]`,
          found: `${mask.dtype} [${mask.shape.join(", ")}]`,
        });
      }
      return denseWeight(values, mask && unpackedMask(mask, values.shape));
    },
  },
};
