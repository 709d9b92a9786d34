import type { StoredWeight, TensorSource } from "@pare/tensor-core";
import type { ModelConfig, Provenance } from "./checkpoint.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A model from another tool's file: its tensors under the architecture's own names, and where it came from. */
export interface Imported {
  readonly config: ModelConfig;
  /** Dense tensors by weight name. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** Weights that are no dense tensors in that file either. */
  readonly weights?: ReadonlyMap<string, StoredWeight> | undefined;
  readonly tokenizer: Tokenizer | undefined;
  /** Where the tensors are, for errors. */
  readonly file: string;
  /** In words, for the provenance. */
  readonly origin: string;
  /** Where the file carries one. */
  readonly provenance?: Provenance | undefined;
}
