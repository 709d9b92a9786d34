/** Text ↔ ids. A value that can be written as JSON and read again. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabularySize: number;
  readonly special: { readonly begin?: number | undefined; readonly end?: number | undefined; readonly padding?: number | undefined };
  /** Ids without special tokens; text that spells one is encoded as other text, or refused. Throws `models/text-not-encodable`. */
  readonly encode: (text: string) => number[];
  /** Text of a whole sequence, special tokens left out. */
  readonly decode: (ids: readonly number[]) => string;
  /** What `tokenizer.json` holds. */
  readonly toJSON: () => object;
  /** What `tokenizer_config.json` holds: which pieces begin, end and pad. */
  readonly toConfig: () => object;
}
