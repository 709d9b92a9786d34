import type { TensorSource } from "@pare/tensor-core";
import type { ModelConfig } from "./checkpoint.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A model from another tool's file: its tensors under the architecture's own names, and where it came from. */
export interface Imported {
  readonly config: ModelConfig;
  /** Dense tensors by weight name. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly tokenizer: Tokenizer | undefined;
  /** Where the tensors are, for errors. */
  readonly file: string;
  /** In words, for the provenance. */
  readonly origin: string;
}
