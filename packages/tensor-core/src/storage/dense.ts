/** Dense storage: the tensor as it is (f32, f16 or bf16), with an optional mask of what was pruned. */
import { API_VERSION, type Named } from "@pare/core";
import { storageInvalid } from "../errors.ts";
import { sizeOf } from "../dim.ts";
import { asFloat32, sourceOf, type HostTensor, type TensorSource } from "../host.ts";
import { packCodes, packedRowBytes, unpackCodes } from "./codes.ts";
import type { StorageDefinition, StoredWeight } from "./storage.ts";

/**
 * @param values any float dtype; computed with as f32.
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
    candidates: () => [],
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
