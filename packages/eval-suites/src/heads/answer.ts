/** Answers out of passages. */
import { defineSuite, type Context, type Suite } from "@pare/core";
import { answer as answerOf, type Checkpoint, type Session } from "@pare/models";
import type { Example } from "@pare/training";
import { z } from "zod";
import { answersMissing } from "../errors.ts";
import { withSession } from "../session.ts";
import { ratio, share } from "./metrics.ts";
import { openRows, reportOf, rowsFields, type RowsReport, type RowsSuiteOptions } from "./rows.ts";

const ID = "answer";

export interface AnswerSuiteOptions extends Omit<RowsSuiteOptions, "maxTokens"> {
  /** Tokens of an answer at most; default 30. Long passages are read in windows. */
  readonly maxTokens?: number | undefined;
}

const options: z.ZodType<AnswerSuiteOptions, AnswerSuiteOptions> = z.object({
  ...rowsFields,
  maxTokens: z.int().min(1).optional().describe("tokens of an answer at most; default 30"),
});

/**
 * Question-answering heads on rows with answers, by the measures of SQuAD: exactMatch (Wilson, 95 %) and f1 of words (with interval), of
 * several right answers the best.
 *
 * Throws `models/head-unfit`, `eval-suites/data-missing`, `eval-suites/answers-missing`, `models/rows-invalid`.
 */
export const answer: Suite<typeof ID, AnswerSuiteOptions, Checkpoint, RowsReport> = defineSuite({
  id: ID,
  version: 1,
  package: "@pare/eval-suites",
  citation: "Rajpurkar, P., Zhang, J., Lopyrev, K. & Liang, P. (2016). SQuAD: 100,000+ questions for machine comprehension of text. EMNLP.",
  options,
  run: async (subject: Checkpoint, given, context): Promise<RowsReport> => {
    const opened = await openRows(subject, { suite: ID, task: "question-answering" }, given, context);
    const questions = opened.examples.map(questionOf);
    const found = await withSession(subject, ID, context, (session) => answers(session, questions, given, context));
    const exact = questions.filter(({ right }, index) => right.some((text) => normalised(text) === normalised(found[index]!))).length;
    const scores = questions.map(({ right }, index) => Math.max(...right.map((text) => wordF1(found[index]!, text))));
    return reportOf(subject, opened, {
      ...share("exactMatch", exact, questions.length),
      correct: exact,
      ...ratio(
        "f1",
        scores,
        scores.map(() => 1),
      ),
    });
  },
});

interface Question {
  readonly question: string;
  readonly passage: string;
  readonly right: readonly string[];
}

function questionOf({ source, target, wanted, place }: Example, index: number): Question {
  const right = wanted !== undefined && "answers" in wanted ? wanted.answers.map(({ text }) => text) : [];
  if (source === undefined || right.length === 0) throw answersMissing({ example: index, place });
  return { question: source, passage: target, right };
}

async function answers(
  session: Session,
  questions: readonly Question[],
  { maxTokens }: AnswerSuiteOptions,
  { signal, emit }: Context,
): Promise<string[]> {
  const found: string[] = [];
  for (const { question, passage } of questions) {
    signal.throwIfAborted();
    found.push((await answerOf(session, question, passage, { maxTokens, signal })).text);
    emit({ type: "progress", progress: { done: found.length, total: questions.length, unit: "examples", message: ID } });
  }
  return found;
}

/** As SQuAD compares: without case, punctuation, articles and doubled spaces. */
export function normalised(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[!-/:-@[-`{-~]/g, "")
    .replaceAll(/\b(a|an|the)\b/g, " ")
    .split(/\s+/)
    .filter((word) => word !== "")
    .join(" ");
}

/** F1 of the words that two answers share, each as often as both have it. */
export function wordF1(found: string, right: string): number {
  const [a, b] = [found, right].map((text) =>
    normalised(text)
      .split(" ")
      .filter((word) => word !== ""),
  ) as [string[], string[]];
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 1 : 0;
  const left = [...b];
  const shared = a.filter((word) => {
    const at = left.indexOf(word);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  }).length;
  return (2 * shared) / (a.length + b.length);
}
