export type { Checkpoint, Deed, ModelConfig, Provenance, SeenData } from "./checkpoint.ts";
export type { Tokenizer } from "./tokenizer.ts";
export type { Architecture, DecodeInputs, ForwardInputs, HeadGroup, Initial, ModelScope, WeightSpec } from "./architecture.ts";
