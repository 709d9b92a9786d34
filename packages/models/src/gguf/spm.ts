/** Vocabularies of SentencePiece's BPE kind: pieces with scores, merged best score first, leftmost first. */
import { tokenizerInvalid } from "../errors.ts";

export interface ScoredPiece {
  readonly text: string;
  readonly score: number;
}

/**
 * Every way to make a piece out of two others, best score first: a merge list by rank does what greedy merging by score does
 * when no two pieces share a score.
 *
 * Throws `models/tokenizer-invalid` where two pieces that can be merged share one: leftmost-first between different pieces is
 * what a rank cannot say.
 */
export function mergesByScore(pieces: readonly ScoredPiece[], file: string): [string, string][] {
  const known = new Set(pieces.map(({ text }) => text));
  const merges: { readonly pair: [string, string]; readonly score: number }[] = [];
  const byScore = new Map<number, string>();
  for (const { text, score } of pieces) {
    const splits = knownSplits(text, known);
    if (splits.length === 0) continue;
    const other = byScore.get(score);
    if (other !== undefined) {
      throw tokenizerInvalid({
        file,
        field: `score of ${JSON.stringify(text)}`,
        expected: "a score of its own, so that merges have one order",
        found: `${score}, as ${JSON.stringify(other)} has`,
      });
    }
    byScore.set(score, text);
    merges.push(...splits.map((pair) => ({ pair, score })));
  }
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair);
}

/**
 * All cuts between characters into two known pieces, longest left part first: among cuts of one piece that is the one that
 * greedy merging leaves to do.
 */
export function knownSplits(text: string, known: { readonly has: (piece: string) => boolean }): [string, string][] {
  const characters = [...text];
  const cuts = Array.from({ length: characters.length - 1 }, (_, index) => characters.length - 1 - index);
  return cuts
    .map((cut): [string, string] => [characters.slice(0, cut).join(""), characters.slice(cut).join("")])
    .filter(([left, right]) => known.has(left) && known.has(right));
}
