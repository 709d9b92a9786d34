import type { Framed } from "./frame.ts";
import type { Located } from "./locate.ts";

/** Ids of pieces that text cannot spell. */
export interface SpecialTokens {
  readonly begin?: number | undefined;
  readonly end?: number | undefined;
  readonly padding?: number | undefined;
  /** Stands in the place of a token that a model has to guess. */
  readonly mask?: number | undefined;
  readonly unknown?: number | undefined;
}

/** Text ↔ ids. A value that can be written as JSON and read again. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabularySize: number;
  readonly special: SpecialTokens;
  /** Where texts that are too long for a model are cut; right if absent. */
  readonly truncationSide?: "left" | "right" | undefined;
  /** Ids without special tokens; text that spells one is encoded as other text, or refused. Throws `models/text-not-encodable`. */
  readonly encode: (text: string) => number[];
  /** The ids of `encode`, and where in the text each stands. */
  readonly locate: (text: string) => Located;
  /** Ids with the marks that the model was trained to see around one text, or around two: [CLS] … [SEP] … [SEP]. */
  readonly frame: (first: readonly number[], second?: readonly number[]) => Framed;
  /** Text of a whole sequence, special tokens left out. */
  readonly decode: (ids: readonly number[]) => string;
  /** What `tokenizer.json` holds. */
  readonly toJSON: () => object;
  /** What `tokenizer_config.json` holds: which pieces begin, end and pad. */
  readonly toConfig: () => object;
}
