/** Text ↔ ids. A value that can be written as one JSON file and read again. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly special: { readonly begin?: number | undefined; readonly end?: number | undefined; readonly padding?: number | undefined };
  /** Ids without special tokens. */
  readonly encode: (text: string) => number[];
  /** Text of a whole sequence, special tokens left out. */
  readonly decode: (ids: readonly number[]) => string;
  /** What `tokenizer.json` holds. */
  readonly toJSON: () => object;
}
