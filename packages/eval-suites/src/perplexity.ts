/** Perplexity of a language model on a text. */
import { defineSuite, type Context, type Suite, type SuiteReport } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import {
  encodeExample,
  hashExamples,
  isDataReference,
  openData,
  pieceOptions,
  splitText,
  subjectOf,
  type DataReference,
  type Example,
  type PieceOptions,
} from "@pare/training";
import { z } from "zod";
import { exposure } from "./domain.ts";
import { dataMissing, familyUnfit } from "./errors.ts";
import { ratioInterval } from "./interval.ts";
import { scoreRows } from "./score.ts";
import { tokenizerFor, withSession } from "./session.ts";

export interface PerplexityOptions extends PieceOptions {
  /** The text itself, or a data set of plain text: a value, or `{ use: "text", file: "stories.txt" }`. */
  readonly data?: string | DataReference | undefined;
  /** Pieces are cut to this many tokens, begin token counted. Default: the whole piece. */
  readonly maxTokens?: number | undefined;
}

export interface PerplexityReport extends SuiteReport {
  /**
   * nll (mean nats per predicted token), nllLow and nllHigh (95 %, over pieces; absent for one piece), perplexity (e^nll), bitsPerByte
   * (of the text predicted, so that tokenizers compare), predictions, tokens (with begin tokens), examples (pieces used), pieces
   * (pieces long enough), and `seen` where the model's training is known.
   */
  readonly metrics: Readonly<Record<string, number>>;
  readonly label: string;
  readonly dataHash: string;
  readonly data: string;
}

const ID = "perplexity";
const BATCH = 32;

const options: z.ZodType<PerplexityOptions, PerplexityOptions> = pieceOptions.extend({
  data: z.union([z.string(), z.custom<DataReference>(isDataReference, { message: "neither a text nor a data set" })]).optional(),
  maxTokens: z.number().int().min(2).optional(),
});

/**
 * Splits a text into pieces, cuts each to `maxTokens` and predicts every token after the first from all before it. The mean is over
 * tokens, in float64. Decoders only. Throws `eval-suites/data-missing`, `eval-suites/family-unfit`, `training/data-empty`,
 * `training/separator-invalid`.
 */
export const perplexity: Suite<typeof ID, PerplexityOptions, Checkpoint, PerplexityReport> = defineSuite({
  id: ID,
  version: 1,
  package: "@pare/eval-suites",
  citation:
    "Jelinek, F., Mercer, R. L., Bahl, L. R. & Baker, J. K. (1977). Perplexity – a measure of the difficulty of speech recognition tasks. JASA 62(S1).",
  options,
  run: async (subject: Checkpoint, options, context): Promise<PerplexityReport> => {
    const { name, texts } = await readTexts(options.data, context);
    const { pieces, kept } = splitText(texts, name, options);
    const { family } = subjectOf(subject, context.registry).architecture;
    if (family !== "decoder") throw familyUnfit({ suite: ID, family, takes: "a decoder" });
    const tokenizer = tokenizerFor(subject, ID, []);
    const examples = pieces.map((target): Example => ({ target }));
    const rows = examples.map((example) => encodeExample(tokenizer, family, example, options.maxTokens));
    const scores = await withSession(subject, ID, context, (session) => scoreRows(session, rows, { batch: BATCH, message: ID }, context));
    const totals = scores.map(({ nll }, index) => sum(nll.subarray(rows[index]!.start - 1)));
    const counts = rows.map(({ tokens, start }) => tokens.length - start);
    const bytes = sum(rows.map(({ tokens }) => new TextEncoder().encode(tokenizer.decode(tokens)).length));
    const { label, seen } = exposure(subject, examples, [name]);
    return {
      metrics: {
        ...summarise(totals, counts, bytes),
        tokens: sum(rows.map(({ tokens }) => tokens.length)),
        pieces: kept,
        ...(seen === undefined ? {} : { seen }),
      },
      label,
      dataHash: await hashExamples(examples),
      data: name,
    };
  },
});

async function readTexts(data: PerplexityOptions["data"], context: Context): Promise<{ name: string; texts: readonly string[] }> {
  if (data === undefined) throw dataMissing({ suite: ID, found: "no data" });
  if (typeof data === "string") return { name: "text", texts: [data] };
  const set = openData(data, context.registry);
  const examples = await set.examples("test");
  if (examples.some(({ source }) => source !== undefined))
    throw dataMissing({ suite: ID, found: `${set.id}, whose examples have sources` });
  return { name: set.id, texts: examples.map(({ target }) => target) };
}

/** @param totals negative log likelihood of each piece, nats; @param counts its predictions; @param bytes of all pieces. */
function summarise(totals: readonly number[], counts: readonly number[], bytes: number): Record<string, number> {
  const predictions = sum(counts);
  const nll = sum(totals) / predictions;
  const interval = ratioInterval(totals, counts);
  return {
    nll,
    ...(interval === undefined ? {} : { nllLow: interval.low, nllHigh: interval.high }),
    perplexity: Math.exp(nll),
    bitsPerByte: sum(totals) / Math.LN2 / bytes,
    predictions,
    examples: totals.length,
  };
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
