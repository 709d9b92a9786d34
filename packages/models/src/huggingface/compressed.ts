/** Modules that compressed-tensors quantized, as the affine weights they are. */
import { affineOfCompressed, readCompressedConfig, type ModuleTensors, type NamedTensors } from "@pare/formats";
import { affineWeight, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import { weightInvalid } from "../errors.ts";
import { finiteSource } from "../folder/finite.ts";
import { denseSource } from "../weight-rows.ts";

const PARTS = ["weight", "weight_packed", "weight_scale", "weight_shape", "weight_zero_point"] as const;
/** What a runtime rounds activations by; weights do not need them. */
const ACTIVATIONS = /\.(input|output)_(scale|zero_point|global_scale)$/;

export interface CompressedContent {
  /** Every quantized module's weight under its plain name, dense; the others as they are. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** By the same names: the weights in their own storage. */
  readonly stored: ReadonlyMap<string, StoredWeight>;
  /** In words, for the origin. */
  readonly notes: readonly string[];
}

/**
 * Reads the shapes of packed weights and no other data.
 *
 * Throws `formats/compressed-tensors-unsupported` and `-invalid`.
 */
export async function readCompressed(
  content: Pick<NamedTensors, "tensors">,
  config: unknown,
  file: string,
  where: string,
): Promise<CompressedContent> {
  const { schemeOf, notes } = readCompressedConfig(config, where);
  const tensors = new Map([...content.tensors].filter(([name]) => !ACTIVATIONS.test(name)));
  const stored = new Map<string, StoredWeight>();
  for (const name of content.tensors.keys()) {
    if (!name.endsWith(".weight_scale")) continue;
    const module = name.slice(0, -".weight_scale".length);
    const parts: Record<string, TensorSource> = {};
    for (const part of PARTS) {
      const source = content.tensors.get(`${module}.${part}`);
      if (source !== undefined) parts[part] = part === "weight_scale" ? finiteSource(source, file, `${module}.${part}`) : source;
      tensors.delete(`${module}.${part}`);
    }
    const affine = affineWeight(affineOfCompressed(parts, schemeOf(module), await shapeOf(parts, module, file), { file, module }));
    stored.set(`${module}.weight`, affine);
    tensors.set(`${module}.weight`, denseSource(affine));
  }
  return { tensors, stored, notes };
}

async function shapeOf(parts: ModuleTensors, module: string, file: string): Promise<readonly [number, number]> {
  const { weight, weight_shape: source } = parts;
  const isPair = source !== undefined && (source.dtype === "i64" || source.dtype === "i32") && source.shape.join() === "2";
  const shape = isPair ? Array.from((await source.read()).data, Number) : (weight?.shape ?? []);
  if (shape.length === 2 && shape.every((size) => Number.isSafeInteger(size) && size >= 1)) return shape as [number, number];
  throw weightInvalid({ file, field: `${module}.weight_shape`, expected: "two sizes", found: `[${shape.join(", ")}]` });
}
