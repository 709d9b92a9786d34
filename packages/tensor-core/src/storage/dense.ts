/** Dense storage: the tensor as it is (f32, f16 or bf16), with an optional mask of what was pruned. */
import { API_VERSION, type Named } from "@pare/core";
import { storageInvalid } from "../errors.ts";
import { asFloat32, sourceOf, type HostTensor, type TensorSource } from "../host.ts";
import type { StorageDefinition, StoredWeight } from "./storage.ts";

/**
 * @param values any float dtype; computed with as f32.
 * @param mask u8 of the same shape: 1 kept, 0 pruned. Where it is 0 the value must be 0.
 */
export function denseWeight(values: TensorSource, mask?: TensorSource): StoredWeight {
  return {
    storage: "dense",
    shape: values.shape,
    bytes: values.bytes + (mask?.bytes ?? 0),
    parts: mask === undefined ? { values } : { values, mask },
    descriptor: {},
    trainable: true,
    dense: async () => asFloat32(await values.read()),
    mask: mask === undefined ? undefined : () => mask.read(),
    withValues: (dense) => denseWeight(sourceOf(dense), mask),
    candidates: () => [],
  };
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
      if (mask !== undefined && (mask.dtype !== "u8" || mask.shape.join() !== values.shape.join())) {
        throw storageInvalid({
          weight,
          field: "mask",
          expected: `u8 [${values.shape.join(", ")}]`,
          found: `${mask.dtype} [${mask.shape.join(", ")}]`,
        });
      }
      return denseWeight(values, mask);
    },
  },
};
