/** How the weights of an architecture lie in the tensors of a transformers file. */
import { sizeOf } from "@pare/tensor-core";
import type { Architecture, HuggingFace, TensorName } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";

/** One weight's rows of a tensor. */
export interface TensorPart {
  readonly weight: string;
  readonly shape: readonly number[];
}

/** One tensor of a file, and the weights that lie in it. */
export interface FileTensor extends Pick<TensorName, "tensor" | "aliases" | "transposed"> {
  /** In the file. */
  readonly shape: readonly number[];
  /** The matrix that the weights are stacked in, before it is turned and cut as the file has it. */
  readonly matrix: readonly number[];
  /** Top to bottom. */
  readonly parts: readonly TensorPart[];
}

/** Every tensor of a model's file, in the order of its weights. */
export function fileTensors(architecture: Architecture, names: HuggingFace["names"], config: ModelConfig): FileTensor[] {
  const shapes = new Map(architecture.weights(config).map(({ name, shape }) => [name, shape]));
  const byTensor = new Map<string, TensorName[]>();
  for (const name of names(config)) {
    if (!shapes.has(name.weight)) continue;
    byTensor.set(name.tensor, [...(byTensor.get(name.tensor) ?? []), name]);
  }
  return [...byTensor].map(([tensor, list]) => {
    const [{ aliases, transposed, shape }] = list as [TensorName, ...TensorName[]];
    const parts = list.map(({ weight }) => ({ weight, shape: shapes.get(weight)! }));
    const matrix = [parts.reduce((sum, part) => sum + part.shape[0]!, 0), ...parts[0]!.shape.slice(1)];
    const inFile = transposed === true ? matrix.toReversed() : matrix;
    return { tensor, aliases, transposed, parts, matrix, shape: shape !== undefined && sizeOf(shape) === sizeOf(inFile) ? shape : inFile };
  });
}

/** The names that a tensor may stand under, the written one first: with and without the base model's prefix, and as other versions had it. */
export function namesOf({ tensor, aliases = [] }: Pick<FileTensor, "tensor" | "aliases">, base: string): string[] {
  const all = [tensor, ...aliases];
  if (base === "") return all;
  return all.flatMap((name) => [name, name.startsWith(base) ? name.slice(base.length) : base + name]);
}
