import { rowsInvalid } from "../errors.ts";
import { needHead } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import { limitOf, runRows, softmaxOf, tokenizerOf, type AppOptions } from "./rows.ts";
import { toWords } from "./words.ts";

export interface AnswerOptions extends AppOptions {
  /** Tokens of an answer at most; default 30. */
  readonly maxTokens?: number | undefined;
  /** Tokens that two windows of a passage share which is too long to be read at once; default 128, a third of a window at most. */
  readonly overlap?: number | undefined;
}

export interface Answer {
  /** `passage.slice(begin, end)`, in whole words. */
  readonly text: string;
  /** UTF-16 offsets in the passage. */
  readonly begin: number;
  readonly end: number;
  /** That the answer begins here, times that it ends here, among all tokens of the passage. */
  readonly probability: number;
}

/** A window of the passage as it stands in one row. */
interface Window {
  /** First token of the passage in it, and where that stands in the row. */
  readonly from: number;
  readonly at: number;
  readonly count: number;
  readonly tokens: readonly number[];
  readonly tokenTypes: readonly number[];
}

/**
 * The part of a passage that answers a question. Long passages are read in windows that overlap (Devlin et al. 2019).
 *
 * Throws `models/head-unfit` for a model without a question-answering head, `models/rows-invalid` for an empty passage or a question
 * that leaves no room for one.
 */
export async function answer(session: Session, question: string, passage: string, options: AnswerOptions = {}): Promise<Answer> {
  needHead(session.architecture, session.checkpoint.config, "question-answering", "answer questions");
  const tokenizer = tokenizerOf(session);
  const { ids, spans } = tokenizer.locate(passage);
  if (ids.length === 0) throw rowsInvalid({ field: "passage", expected: "text", found: JSON.stringify(passage.slice(0, 20)) });
  const windows = windowsOf(session, tokenizer.encode(question), ids, options.overlap ?? 128);
  const outputs = await runRows(session, windows, options);
  const { from, to, probability } = bestSpan(
    windows,
    outputs.map(({ data }) => data),
    options.maxTokens ?? 30,
  );
  const [begin, end] = toWords(passage, spans[from]![0], spans[to]![1]);
  return { text: passage.slice(begin, end), begin, end, probability };
}

function windowsOf(session: Session, question: readonly number[], passage: readonly number[], overlap: number): Window[] {
  const tokenizer = tokenizerOf(session);
  const limit = limitOf(session);
  const room = limit - tokenizer.frame(question, []).ids.length;
  if (room < 1)
    throw rowsInvalid({ field: "question", expected: `fewer than ${limit} tokens, so that a passage fits`, found: `${question.length}` });
  const size = Math.min(room, passage.length);
  const step = Math.max(1, size - Math.min(overlap, Math.floor(size / 3)));
  const windows: Window[] = [];
  for (let from = 0; from === 0 || from + size - step < passage.length; from += step) {
    const part = passage.slice(from, from + size);
    const { ids, tokenTypes, starts } = tokenizer.frame(question, part);
    windows.push({ from, at: starts[1]!, count: part.length, tokens: ids, tokenTypes });
  }
  return windows;
}

/** Likeliest begin and end, in tokens of the passage. Logits of all windows are weighed together. */
function bestSpan(
  windows: readonly Window[],
  outputs: readonly Float32Array[],
  maxTokens: number,
): { readonly from: number; readonly to: number; readonly probability: number } {
  const column = (side: 0 | 1): number[][] => {
    const logits = windows.map(({ at, count }, index) => Array.from({ length: count }, (_, i) => outputs[index]![2 * (at + i) + side]!));
    const all = softmaxOf(logits.flat());
    let taken = 0;
    return logits.map(({ length }) => all.slice(taken, (taken += length)));
  };
  const [begins, ends] = [column(0), column(1)];
  let best = { from: 0, to: 0, probability: -1 };
  for (const [index, { from, count }] of windows.entries()) {
    for (let i = 0; i < count; i++) {
      for (let j = i; j < Math.min(count, i + maxTokens); j++) {
        const probability = begins[index]![i]! * ends[index]![j]!;
        if (probability > best.probability) best = { from: from + i, to: from + j, probability };
      }
    }
  }
  return best;
}
