/** Linear weights as the pruning stages take them in. */
import type { Context } from "@pare/core";
import type { Checkpoint, WeightSpec } from "@pare/models";
import type { HostTensor, StoredWeight } from "@pare/tensor-core";
import { subjectOf } from "@pare/training";
import { notFinite, quantizedWeight } from "./errors.ts";

/** Throws `prune/quantized-weight` if any of these weights is quantized. */
export function refuseQuantized(model: Checkpoint, names: Iterable<string>): void {
  for (const name of names) {
    const { trainable, storage } = model.weights.get(name)!;
    if (!trainable) throw quantizedWeight({ weight: name, storage });
  }
}

export interface Prunable {
  /** f32 `[out, in]` */
  readonly values: HostTensor;
  /** 0 where an earlier step pruned. */
  readonly mask: Uint8Array | undefined;
}

/** Throws `prune/not-finite`. */
export async function loadPrunable(name: string, stored: StoredWeight): Promise<Prunable> {
  const values = await stored.dense();
  const data = values.data as Float32Array;
  const index = data.findIndex((value) => !Number.isFinite(value));
  if (index >= 0) throw notFinite({ weight: name, index, found: data[index] });
  return { values, mask: (await stored.mask?.())?.data as Uint8Array | undefined };
}

/** The linear weights of a model, in order. Throws `prune/quantized-weight`. */
export function linearWeights(model: Checkpoint, { registry }: Pick<Context, "registry">): WeightSpec[] {
  const { architecture } = subjectOf(model, registry);
  const linear = architecture.weights(model.config).filter(({ role }) => role === "linear");
  refuseQuantized(
    model,
    linear.map(({ name }) => name),
  );
  return linear;
}
