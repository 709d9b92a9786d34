import type { Tokenizer } from "./tokenizer.ts";

/** What a decoder shows for bytes that are no whole character yet. */
const UNFINISHED = "\uFFFD";

/**
 * Text of a growing sequence, piece by piece. Each token is decoded together with the few before it, because pieces change
 * with their neighbours (bytes of one character, spaces between words); characters are given once they are whole.
 */
export class TextStream {
  private readonly tokenizer: Tokenizer;
  private readonly ids: number[];
  /** Start of the tokens that are decoded again, and of those whose text has not been given. */
  private context = 0;
  private given: number;

  /** @param prompt what the sequence starts with; its text is not given. */
  constructor(tokenizer: Tokenizer, prompt: readonly number[]) {
    this.tokenizer = tokenizer;
    this.ids = [...prompt];
    this.given = prompt.length;
  }

  /** Text that this token completes; empty while it completes none. */
  push(id: number): string {
    this.ids.push(id);
    const text = this.rest();
    if (text === "" || text.endsWith(UNFINISHED)) return "";
    this.context = this.given;
    this.given = this.ids.length;
    return text;
  }

  /** Text held back so far: what the sequence ends with if nothing follows. */
  rest(): string {
    const before = this.tokenizer.decode(this.ids.slice(this.context, this.given));
    return this.tokenizer.decode(this.ids.slice(this.context)).slice(before.length);
  }
}
