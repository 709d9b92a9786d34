/** Texts with their marks, as encoders read them. */
import { cutTexts, type Framed } from "@pare/models";
import type { Example } from "../data/data.ts";
import type { EncodeScope } from "./task.ts";

/** Tokens of each text before marks were put around them, as many as were kept. */
export interface FramedTexts extends Framed {
  readonly lengths: readonly number[];
}

/** Marks around one text or two. Rows that are too long are told to the scope and cut at the tokenizer's side, of two texts the longer one first. */
export function frameTexts({ tokenizer, limit, tooLong }: EncodeScope, first: readonly number[], second?: readonly number[]): FramedTexts {
  const whole = tokenizer.frame(first, second);
  if (whole.ids.length <= limit) return { ...whole, lengths: second === undefined ? [first.length] : [first.length, second.length] };
  tooLong(whole.ids.length);
  const marks = whole.ids.length - first.length - (second?.length ?? 0);
  const [one, two] = cutTexts(tokenizer, [first, second], limit - marks);
  return { ...tokenizer.frame(one, two), lengths: two === undefined ? [one.length] : [one.length, two.length] };
}

/** The ids of an example's text, or of its two in the order in which they are read. */
export function textsOf({ source, target }: Example, { tokenizer }: EncodeScope): readonly [first: number[], second?: number[]] {
  const text = tokenizer.encode(target);
  return source === undefined ? [text] : [tokenizer.encode(source), text];
}

/** A framed row as a model reads it. */
export function rowOf({ ids, tokenTypes }: Framed): {
  readonly tokens: readonly number[];
  readonly extra: { readonly tokenTypes: readonly number[] };
} {
  return { tokens: ids, extra: { tokenTypes } };
}

/** For each token of a row, whether it stands in one of the texts and is no mark. */
export function inTexts({ ids, starts, lengths }: FramedTexts): boolean[] {
  const inside = ids.map(() => false);
  lengths.forEach((length, text) => inside.fill(true, starts[text], starts[text]! + length));
  return inside;
}
