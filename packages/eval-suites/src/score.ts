/** Scores of many rows, and what follows from them. */
import type { Context } from "@pare/core";
import type { SequenceBatch, Session, TokenScores } from "@pare/models";
import type { Written } from "@pare/training";

export interface ScoreOptions {
  /** Rows per pass; progress shows and Ctrl-C is heard between passes. */
  readonly batch: number;
  /** What progress calls the work. */
  readonly message: string;
}

/** What a model makes of each row, in the order given. Rows of like length go together, so that little is padded. */
export async function scoreRows(
  session: Session,
  rows: readonly Written[],
  { batch, message }: ScoreOptions,
  context: Context,
): Promise<TokenScores[]> {
  const order = [...rows.keys()].sort((a, b) => width(rows[a]!) - width(rows[b]!) || a - b);
  const scores: TokenScores[] = [];
  for (let at = 0; at < order.length; at += batch) {
    context.signal.throwIfAborted();
    const indices = order.slice(at, at + batch);
    const given = await session.score(batchOf(indices.map((index) => rows[index]!)));
    for (const [position, index] of indices.entries()) scores[index] = given[position]!;
    context.emit({ type: "progress", progress: { done: at + indices.length, total: rows.length, unit: "examples", message } });
  }
  return scores;
}

/**
 * Whether a greedy decode writes this row exactly, end token included. A decode that has written the row's own tokens so far is at the
 * point where the row itself is, so it writes the row exactly when the most likely token after each prefix of the row is the row's next
 * one: scoring the row tells, without decoding.
 */
export function isWritten({ tokens, start }: Written, { predicted }: TokenScores): boolean {
  return tokens.every((token, index) => index < start || predicted[index - 1] === token);
}

function batchOf(rows: readonly Written[]): SequenceBatch {
  const tokens = rows.map((row) => row.tokens);
  return rows[0]!.source === undefined ? { tokens } : { tokens, sources: rows.map((row) => row.source!) };
}

function width({ tokens, source = [] }: Written): number {
  return Math.max(tokens.length, source.length);
}
