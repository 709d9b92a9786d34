/** A model without some of its structure: its weights cut along the graph's axes, its config saying so. */
import type { Context } from "@pare/core";
import { withConfig, type Architecture, type Checkpoint, type Deed, type ModelConfig } from "@pare/models";
import type { Axis } from "./axis.ts";
import { cutWeights } from "./cuts.ts";
import { cutsFor, type Dependencies, type Kept } from "./dependencies.ts";
import { refuseQuantized } from "./prunable.ts";

export interface Cutting {
  readonly model: Checkpoint;
  readonly architecture: Architecture;
  readonly dependencies: Dependencies;
  readonly kept: Kept;
  /** What the architecture calls the model afterwards. */
  readonly config: ModelConfig;
  readonly deed: Deed | undefined;
  readonly context: Context;
}

/** Throws `prune/config-disagrees`, `prune/quantized-weight`. */
export async function cutModel({ model, architecture, dependencies, kept, config, deed, context }: Cutting): Promise<Checkpoint> {
  const cuts = cutsFor(model, architecture, config, dependencies.cuts(kept));
  return withConfig(model, config, await cutWeights(model, cuts, context), deed);
}

/** Throws `prune/quantized-weight` where a cut along one of these axes would meet a quantized weight. */
export function refuseQuantizedAlong(model: Checkpoint, dependencies: Dependencies, axes: Iterable<Axis>): void {
  const none = new Map([...axes].map((axis): [Axis, number[]] => [axis, []]));
  refuseQuantized(
    model,
    dependencies.cuts(none).map(({ weight }) => weight),
  );
}
