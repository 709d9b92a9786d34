/** Caches of keys and values as inputs and outputs of one call. */
import { declareInput, declareOutput, type OnnxBinding, type OnnxBuilder, type OnnxExport, type OnnxValue } from "@pare/formats";
import type { Dim, Value } from "@pare/tensor-core";
import type { CacheSpec } from "../../architecture.ts";
import { cacheName, type CacheEntry } from "./names.ts";

const SWAPPED = { perm: [0, 2, 1, 3] };

/**
 * What the caches hold before and after the call, by State: f32 `[batch, heads, past, headDim]` under `past_key_values.…`, and with the
 * call's own entries under `present.…`. Caches come by layer, keys before values.
 */
export function cacheBindings(
  specs: readonly CacheSpec[],
  past: Dim,
  stack?: CacheEntry["stack"],
): Pick<OnnxExport, "updates"> & { readonly states: Readonly<Record<string, OnnxBinding>> } {
  const entries = specs.map((spec, index): readonly [CacheSpec, CacheEntry] => [
    spec,
    { layer: Math.floor(index / 2), stack, part: index % 2 === 0 ? "key" : "value" },
  ]);
  return {
    states: Object.fromEntries(entries.map(([spec, entry]) => [spec.name, pastInput(spec, entry, past)])),
    updates: Object.fromEntries(entries.map(([spec, entry]) => [spec.name, presentOutput(spec, entry)])),
  };
}

/** Declared once, by whoever asks first. */
function pastInput({ heads, headDim }: CacheSpec, entry: CacheEntry, past: Dim): OnnxBinding {
  const name = cacheName("past_key_values", entry);
  return (builder, { shape }): OnnxValue =>
    builder.once(`past ${name}`, () => {
      const type = { dtype: "f32", shape: [shape[0]!, heads, past, headDim] } as const;
      return builder.node("Transpose", [declareInput(builder, name, type)], SWAPPED);
    });
}

function presentOutput({ heads, headDim }: CacheSpec, entry: CacheEntry) {
  return (builder: OnnxBuilder, value: string, { shape }: Value): void => {
    const type = { dtype: "f32", shape: [shape[0]!, heads, shape[1]!, headDim] } as const;
    declareOutput(builder, cacheName("present", entry), builder.node("Transpose", [value], SWAPPED), type);
  };
}
