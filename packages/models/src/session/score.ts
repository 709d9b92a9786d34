import { argmax, crossEntropy, dim, i32, mulDims, reshape, type Compiled, type Dim, type HostTensor, type Value } from "@pare/tensor-core";
import { bucketWidth, contextOf, forwardGraph, padRows } from "../scope.ts";
import type { Inputs, SessionParts } from "./parts.ts";
import { needHead } from "./head.ts";
import { checkBatch } from "./rows.ts";
import type { SequenceBatch, Session, TokenScores } from "./types.ts";

/** Tokens and logits of one batch at most: enough to keep a device busy, little enough to hold. */
const BATCH_TOKENS = 4096;
const BATCH_LOGITS = 2 ** 24;

/** One row of a batch, with its place in what the caller gave. */
interface Row {
  readonly index: number;
  readonly tokens: readonly number[];
  readonly source: readonly number[] | undefined;
}

export function createScorer({ checkpoint, architecture, sites, make }: SessionParts): Session["score"] {
  const { config } = checkpoint;
  let scorer: Compiled | undefined;
  return async (batch, inputs = {}) => {
    checkBatch(checkpoint, architecture, batch);
    needHead(architecture, config, "next-token", "score");
    scorer ??= make(forwardGraph(architecture, config, scoresOf, { sites }));
    const results: TokenScores[] = [];
    const budget = Math.min(BATCH_TOKENS, Math.floor(BATCH_LOGITS / config.vocabularySize));
    const limit = contextOf(config);
    for (const rows of batchesOf(batch, budget, limit)) {
      const scores = await scoreRows(scorer, rows, limit, inputs);
      for (const [place, { index }] of rows.entries()) results[index] = scores[place]!;
    }
    return results;
  };
}

/** Likelihoods and most likely tokens against the input `targets` `[batch, seq]`; −1 there asks for nothing. */
function scoresOf(
  logits: Value,
  tracer: { readonly input: (name: string, dtype: "i32", shape: readonly Dim[]) => Value },
): Record<string, Value> {
  const [batch, seq, vocabulary] = logits.shape as [Dim, Dim, Dim];
  const flat = reshape(logits, [mulDims(batch, seq), vocabulary]);
  const targets = reshape(tracer.input("targets", "i32", [dim("batch"), dim("seq")]), [mulDims(batch, seq)]);
  return { nll: crossEntropy(flat, targets), predicted: argmax(flat) };
}

/** Rows of like lengths together, longest first, so that little is padded. */
function batchesOf({ tokens, sources }: SequenceBatch, budget: number, limit: number): Row[][] {
  const rows = tokens.map((row, index): Row => ({ index, tokens: row, source: sources?.[index] }));
  const widthOf = ({ tokens: row, source = [] }: Row): number => bucketWidth(Math.max(row.length - 1, source.length), limit);
  rows.sort((a, b) => widthOf(b) - widthOf(a) || a.index - b.index);
  const batches: Row[][] = [];
  for (const row of rows) {
    const open = batches.at(-1);
    const fits = open !== undefined && widthOf(open[0]!) === widthOf(row) && (open.length + 1) * widthOf(row) <= budget;
    if (fits) open.push(row);
    else batches.push([row]);
  }
  return batches;
}

async function scoreRows(scorer: Compiled, rows: readonly Row[], limit: number, inputs: Inputs): Promise<TokenScores[]> {
  const read = rows.map(({ tokens }) => tokens.slice(0, -1));
  const sources = rows[0]!.source === undefined ? undefined : rows.map(({ source }) => source!);
  const width = bucketWidth(Math.max(...read.map((row) => row.length)), limit);
  const sourceWidth = sources && bucketWidth(Math.max(...sources.map((row) => row.length)), limit);
  const targets = new Int32Array(rows.length * width).fill(-1);
  for (const [place, { tokens }] of rows.entries()) targets.set(tokens.slice(1), place * width);
  const outputs = await scorer.run({
    ...padRows(read, sources, { width, sourceWidth }),
    targets: i32([rows.length, width], targets),
    ...inputs,
  });
  return rows.map(({ tokens }, place) => {
    const of = ({ data }: HostTensor): HostTensor["data"] => data.slice(place * width, place * width + Math.max(tokens.length - 1, 0));
    return { nll: of(outputs["nll"]!) as Float32Array, predicted: of(outputs["predicted"]!) as Int32Array };
  });
}
