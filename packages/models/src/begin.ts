/** How a sequence begins, of what is read and of what is written. */
import type { Architecture } from "./architecture.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The token that a model's output begins with: the architecture's own, or the tokenizer's begin token. */
export function beginToken(
  { config, tokenizer }: Pick<Checkpoint, "config" | "tokenizer">,
  architecture: Architecture,
): number | undefined {
  return architecture.startToken?.(config) ?? tokenizer?.special.begin;
}

/** What an encoder–decoder reads of a text: its ids with the marks that the tokenizer puts around one (T5's end mark). */
export function sourceIds(tokenizer: Pick<Tokenizer, "encode" | "frame">, text: string): readonly number[] {
  return tokenizer.frame(tokenizer.encode(text)).ids;
}
