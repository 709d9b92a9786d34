/** Names of what goes in and out, as optimum exports models and transformers.js feeds them. */
import type { Head } from "../../architecture.ts";

export const INPUT_IDS = "input_ids";
export const ATTENTION_MASK = "attention_mask";
export const POSITION_IDS = "position_ids";
export const DECODER_INPUT_IDS = "decoder_input_ids";
export const ENCODER_ATTENTION_MASK = "encoder_attention_mask";
export const ENCODER_HIDDEN_STATES = "encoder_hidden_states";
export const DECODER_ATTENTION_MASK = "decoder_attention_mask";

/** Key of `metadata_props` under which the model's config stands, so that the file alone can be read again. */
export const CONFIG_KEY = "pare.config";

/** A further input per token: `tokenTypes` → `token_type_ids`. */
export function tokenInputName(name: string): string {
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return snake === "token_types" || snake === "segments" ? "token_type_ids" : snake;
}

/** Name of what the head gives; question answering gives two, see `graph.ts`. */
export function outputName({ task }: Head): string {
  if (task === "features") return "last_hidden_state";
  if (task === "sentence-embedding") return "sentence_embedding";
  return "logits";
}

/** Which entry of a cache: of an encoder–decoder those of the decoder's own tokens are told from the source's. */
export interface CacheEntry {
  readonly layer: number;
  readonly stack?: "decoder" | undefined;
  readonly part: "key" | "value";
}

/** `past_key_values.0.key` and `present.0.key`, or `present.0.decoder.key`. */
export function cacheName(side: "past_key_values" | "present", { layer, stack, part }: CacheEntry): string {
  return [side, layer, ...(stack === undefined ? [] : [stack]), part].join(".");
}
