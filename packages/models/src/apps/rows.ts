/** From texts to the rows that an encoder reads, and its output row by row. */
import type { HostTensor } from "@pare/tensor-core";
import { cutTexts } from "../cut-texts.ts";
import { tokenizerMissing } from "../errors.ts";
import { contextOf } from "../scope.ts";
import { headOf } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import type { Tokenizer } from "../tokenizer.ts";

/** One text, or two that a model reads together: a premise and a hypothesis, a question and a passage. */
export type TextInput = string | readonly [first: string, second: string];

export interface AppOptions {
  readonly signal?: AbortSignal | undefined;
}

/** One row with its marks. */
export interface EncodedRow {
  readonly tokens: readonly number[];
  readonly tokenTypes: readonly number[];
}

/** What a model gave for one row: `[length, width]` of a head per token, `[width]` of others. */
export interface RowOutput {
  readonly data: Float32Array;
  readonly width: number;
}

/** Tokens of a batch, and numbers of its output, at most. */
const BATCH_TOKENS = 4096;
const BATCH_NUMBERS = 2 ** 24;

/** Throws `models/tokenizer-missing`. */
export function tokenizerOf({ checkpoint }: Session): Tokenizer {
  if (checkpoint.tokenizer === undefined) throw tokenizerMissing({ part: "a tokenizer" });
  return checkpoint.tokenizer;
}

/** Tokens that a row may have, marks among them. */
export function limitOf({ checkpoint: { config } }: Session): number {
  const head = config["head"] as { readonly maxTokens?: unknown } | undefined;
  return Math.min(contextOf(config), typeof head?.maxTokens === "number" ? head.maxTokens : Infinity);
}

/** Marks around texts, which are cut at the tokenizer's side where they are too long for the model: of two the longer one first. */
export function encodeText(session: Session, text: TextInput): EncodedRow {
  const tokenizer = tokenizerOf(session);
  const [first, second] = (typeof text === "string" ? [text] : text).map((one) => tokenizer.encode(one)) as [number[], number[]?];
  const room = limitOf(session) - tokenizer.frame([], second && []).ids.length;
  const { ids, tokenTypes } = tokenizer.frame(...cutTexts(tokenizer, [first, second], room));
  return { tokens: ids, tokenTypes };
}

/** Runs rows in batches of like lengths; outputs in the order of the rows. */
export async function runRows(session: Session, rows: readonly EncodedRow[], { signal }: AppOptions = {}): Promise<RowOutput[]> {
  const { architecture, checkpoint } = session;
  const { perToken, width } = headOf(architecture, checkpoint.config);
  const reads = (architecture.tokenInputs?.(checkpoint.config) ?? []).map(({ name }) => name);
  const outputs: RowOutput[] = [];
  for (const batch of batchesOf(rows, perToken ? width : 1)) {
    signal?.throwIfAborted();
    const chosen = batch.map((index) => rows[index]!);
    const extra = reads.includes("tokenTypes") ? { tokenTypes: chosen.map(({ tokenTypes }) => tokenTypes) } : {};
    const { data, shape } = (await session.forward({ tokens: chosen.map(({ tokens }) => tokens), extra })) as HostTensor & {
      data: Float32Array;
    };
    const step = shape.slice(1).reduce((product, size) => product * size, 1);
    for (const [place, index] of batch.entries()) {
      const own = perToken ? rows[index]!.tokens.length * width : width;
      outputs[index] = { data: data.slice(place * step, place * step + own), width };
    }
  }
  return outputs;
}

/** Longest first, so that the first batch says what memory it takes. */
function batchesOf(rows: readonly EncodedRow[], width: number): number[][] {
  const order = rows.map((_, index) => index).sort((a, b) => rows[b]!.tokens.length - rows[a]!.tokens.length || a - b);
  const budget = Math.max(1, Math.min(BATCH_TOKENS, Math.floor(BATCH_NUMBERS / width)));
  const batches: number[][] = [];
  for (const index of order) {
    const open = batches.at(-1);
    // Every row of a batch takes as much as its longest, the first.
    if (open !== undefined && (open.length + 1) * rows[open[0]!]!.tokens.length <= budget) open.push(index);
    else batches.push([index]);
  }
  return batches;
}

/** eˣ / Σeˣ in float64. */
export function softmaxOf(logits: ArrayLike<number>): number[] {
  const most = Array.from(logits).reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** First of the largest. */
export function largestOf(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index;
  return best;
}
