import { denseWeight, fork, normal, sizeOf, type HostTensor, type Seed, type TensorSource } from "@pare/tensor-core";
import type { Architecture, WeightSpec } from "./architecture.ts";
import type { Checkpoint, ModelConfig, Provenance } from "./checkpoint.ts";
import { createCheckpoint } from "./create-checkpoint.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface CreateModelOptions {
  readonly seed: Seed;
  readonly tokenizer?: Tokenizer | undefined;
  readonly provenance?: Provenance | undefined;
}

/**
 * A model with fresh weights. Each is drawn when it is read, from the seed and its own name: a weight does not change when
 * others are added or left out.
 */
export function createModel(
  architecture: Architecture,
  config: ModelConfig,
  { seed, tokenizer, provenance }: CreateModelOptions,
): Checkpoint {
  const parsed = architecture.parse(config, "config");
  const weights = architecture.weights(parsed).map((spec) => [spec.name, denseWeight(freshSource(spec, seed))] as const);
  return createCheckpoint({ config: parsed, weights, tokenizer, provenance });
}

/** What a weight of this specification starts as, f32. */
export function freshSource(spec: WeightSpec, seed: Seed): TensorSource {
  const { shape } = spec;
  return { dtype: "f32", shape, bytes: 4 * sizeOf(shape), read: async () => draw(spec, seed) };
}

function draw({ name, shape, initial }: WeightSpec, seed: Seed): HostTensor {
  const count = sizeOf(shape);
  if (initial === "zeros") return { dtype: "f32", shape, data: new Float32Array(count) };
  if (initial === "ones") return { dtype: "f32", shape, data: new Float32Array(count).fill(1) };
  const data = normal(fork(seed, name), 0, count);
  for (let i = 0; i < count; i++) data[i] = data[i]! * initial.normal;
  return { dtype: "f32", shape, data };
}
