/** Another head on the same encoder. */
import { denseWeight, fork, type Seed } from "@pare/tensor-core";
import type { Architecture, HeadWanted } from "./architecture.ts";
import type { Checkpoint, Deed } from "./checkpoint.ts";
import { withConfig } from "./create-checkpoint.ts";
import { freshSource } from "./create-model.ts";
import { headFixed } from "./errors.ts";

export interface WithHeadOptions {
  /** Of the head's fresh weights. */
  readonly seed: Seed;
  readonly deed?: Deed | undefined;
}

/**
 * The model with a fresh head in the place of the one it has; all other weights stay as they are stored.
 *
 * @throws `models/head-fixed` for an architecture that has one head, `models/config-invalid` for a head that it does not have, or that lacks
 * something (labels).
 */
export function withHead(
  checkpoint: Checkpoint,
  architecture: Architecture,
  head: HeadWanted,
  { seed, deed }: WithHeadOptions,
): Checkpoint {
  const { headChange } = architecture;
  if (headChange === undefined) throw headFixed({ architecture: checkpoint.config.architecture });
  const config = architecture.parse(headChange.config(checkpoint.config, head), "config");
  const own = new Set(headChange.weights(config));
  const weights = architecture.weights(config).map((spec) => {
    const stored = own.has(spec.name) ? denseWeight(freshSource(spec, fork(seed, "head"))) : checkpoint.weights.get(spec.name)!;
    return [spec.name, stored] as const;
  });
  return withConfig(checkpoint, config, weights, deed);
}
