/** A model on the host: config, named weights, tokenizer, and where it all came from. Immutable; loading one reads headers only. */
import type { Artifact } from "@pare/core";
import type { StoredWeight } from "@pare/tensor-core";
import type { Tokenizer } from "./tokenizer.ts";

/** What every architecture's config has; the rest is its own (validated by `Architecture.parse`). Plain JSON. */
export interface ModelConfig {
  /** Id of the architecture plugin. */
  readonly architecture: string;
  readonly vocabularySize: number;
  readonly [field: string]: unknown;
}

/** One data set a model has seen: id of the data, and the hash of every example (see `exampleHash`), sorted, without repeats. */
export interface SeenData {
  readonly data: string;
  readonly examples: BigUint64Array;
}

/** One thing done to the model: the step's description and its seed. */
export interface Deed {
  readonly use: string;
  readonly version: number;
  readonly options: unknown;
  readonly seed: number;
}

export interface Provenance {
  /** undefined: nobody knows what it was trained on (an imported model); suites then refuse every domain label. */
  readonly seen: readonly SeenData[] | undefined;
  readonly deeds: readonly Deed[];
  /** Where an imported model came from, in words. */
  readonly origin?: string | undefined;
}

export interface Checkpoint extends Artifact {
  readonly kind: "checkpoint";
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, StoredWeight>;
  readonly tokenizer: Tokenizer | undefined;
  readonly provenance: Provenance;
}
