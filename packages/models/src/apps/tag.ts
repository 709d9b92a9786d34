import { needHead } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import { largestOf, limitOf, runRows, softmaxOf, tokenizerOf, type AppOptions } from "./rows.ts";
import { toWords } from "./words.ts";

/** One word of a text and its class. */
export interface Tagged {
  readonly label: string;
  readonly probability: number;
  /** `text.slice(begin, end)` */
  readonly text: string;
  /** UTF-16 offsets. */
  readonly begin: number;
  readonly end: number;
}

/**
 * The class of every word of each text; of a word in several pieces, the class of the first. What a model cannot read at once is cut off.
 *
 * Throws `models/head-unfit` for a model without a token-classification head, `models/tokenizer-missing`.
 */
export async function tag(session: Session, texts: readonly string[], options: AppOptions = {}): Promise<Tagged[][]> {
  const head = needHead(session.architecture, session.checkpoint.config, "token-classification", "tag words");
  const tokenizer = tokenizerOf(session);
  const room = limitOf(session) - tokenizer.frame([]).ids.length;
  const located = texts.map((text) => tokenizer.locate(text));
  const framed = located.map(({ ids }) => tokenizer.frame(ids.slice(0, room)));
  const rows = framed.map(({ ids, tokenTypes }) => ({ tokens: ids, tokenTypes }));
  const outputs = await runRows(session, rows, options);
  return texts.map((text, index) => {
    const words: Tagged[] = [];
    const { data, width } = outputs[index]!;
    for (const [place, span] of located[index]!.spans.slice(0, room).entries()) {
      const [begin, end] = toWords(text, ...span);
      if (begin === end || begin < (words.at(-1)?.end ?? 0)) continue;
      const row = framed[index]!.starts[0]! + place;
      const probabilities = softmaxOf(data.subarray(row * width, (row + 1) * width));
      const best = largestOf(probabilities);
      words.push({ label: head.labels![best]!, probability: probabilities[best]!, text: text.slice(begin, end), begin, end });
    }
    return words;
  });
}
