import { rowsInvalid } from "../errors.ts";
import { needHead } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { limitOf, runRows, softmaxOf, tokenizerOf, type AppOptions } from "./rows.ts";

export interface FillOptions extends AppOptions {
  /** Candidates per mask; default 5. */
  readonly count?: number | undefined;
  /** What marks a gap in the text; default: the tokenizer's own mask piece, "[MASK]" or "<mask>". */
  readonly mask?: string | undefined;
}

export interface Filling {
  readonly token: number;
  /** The token as text. */
  readonly text: string;
  readonly probability: number;
}

/**
 * The likeliest tokens for each gap of a text, best first; one list per gap, each given all the rest of the text.
 *
 * Throws `models/head-unfit` for a model without a masked-token head, `models/rows-invalid` for a text without a gap or too long.
 */
export async function fillMask(session: Session, text: string, options: FillOptions = {}): Promise<Filling[][]> {
  needHead(session.architecture, session.checkpoint.config, "masked-token", "fill gaps");
  const tokenizer = tokenizerOf(session);
  const { mask: id } = tokenizer.special;
  if (id === undefined) throw rowsInvalid({ field: "tokenizer", expected: "a mask token", found: "none" });
  const { count = 5, mask = maskPiece(tokenizer) } = options;
  const ids = gapped(tokenizer, text, mask, id);
  const { ids: tokens, tokenTypes } = tokenizer.frame(ids);
  const gaps = tokens.flatMap((token, place) => (token === id ? [place] : []));
  if (gaps.length === 0) throw rowsInvalid({ field: "text", expected: `a gap, written ${mask}`, found: JSON.stringify(text.slice(0, 60)) });
  const limit = limitOf(session);
  if (tokens.length > limit) throw rowsInvalid({ field: "text", expected: `at most ${limit} tokens`, found: `${tokens.length}` });
  const [output] = await runRows(session, [{ tokens, tokenTypes }], options);
  const { data, width } = output!;
  return gaps.map((place) => best(tokenizer, softmaxOf(data.subarray(place * width, (place + 1) * width)), count));
}

function best(tokenizer: Tokenizer, probabilities: readonly number[], count: number): Filling[] {
  const order = probabilities.map((_, token) => token).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  return order.slice(0, count).map((token) => ({ token, text: tokenizer.decode([token]).trim(), probability: probabilities[token]! }));
}

/** The mask as text; a tokenizer.json writes it among its added tokens. */
function maskPiece(tokenizer: Tokenizer): string {
  const { mask_token: mask } = tokenizer.toConfig() as { readonly mask_token?: string | { readonly content: string } };
  return typeof mask === "object" ? mask.content : (mask ?? "[MASK]");
}

/** A gap takes the space before it where the piece for the mask does so (RoBERTa's). */
function gapped(tokenizer: Tokenizer, text: string, mask: string, id: number): number[] {
  const { added_tokens: added = [] } = tokenizer.toJSON() as {
    readonly added_tokens?: readonly { readonly id: number; readonly lstrip?: boolean }[];
  };
  const takesSpace = added.some((token) => token.id === id && token.lstrip === true);
  const pieces = text.split(mask);
  return pieces.flatMap((piece, index) => {
    const last = index === pieces.length - 1;
    const own = tokenizer.encode(takesSpace && !last ? piece.trimEnd() : piece);
    return last ? own : [...own, id];
  });
}
