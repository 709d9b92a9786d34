import type { Context } from "@pare/core";
import type { Session } from "@pare/models";
import type { Written } from "@pare/training";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { isWritten, scoreRows } from "./score.ts";

const END = 2;
const context = { signal: new AbortController().signal, emit: () => {} } as unknown as Context;

/** A model whose next token depends on all tokens before it. */
function next(prefix: readonly number[]): number {
  return 2 + (prefix.reduce((hash, token) => (hash * 31 + token) % 1009, 7) % 5);
}

/** Scores as a session does: entry i is about token i + 1. */
const session = {
  score: async ({ tokens }: { tokens: readonly (readonly number[])[] }) =>
    tokens.map((row) => ({
      nll: new Float32Array(row.length - 1),
      predicted: Int32Array.from(row.slice(1), (_, index) => next(row.slice(0, index + 1))),
    })),
} as unknown as Session;

function decode(prompt: readonly number[], longest: number): number[] {
  const row = [...prompt];
  while (row.length < longest && row.at(-1) !== END) row.push(next(row));
  return row;
}

it("finds the rows that a greedy decode writes, and no other, in any batches", async () => {
  const prompts = fc.array(fc.tuple(fc.array(fc.integer({ min: 3, max: 6 }), { maxLength: 4 }), fc.boolean()), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(prompts, fc.integer({ min: 1, max: 7 }), async (given, batch) => {
      const rows = given.map(([prompt, spoil]): Written => {
        const start = 1 + prompt.length;
        const tokens = decode([1, ...prompt], 40);
        if (tokens.length === start) tokens.push(next(tokens));
        return { tokens: spoil ? tokens.with(tokens.length - 1, tokens.at(-1)! + 1) : tokens, start };
      });
      const scores = await scoreRows(session, rows, { batch, message: "rows" }, context);
      expect(rows.map((row, index) => isWritten(row, scores[index]!))).toEqual(given.map(([, spoil]) => !spoil));
    }),
  );
});

it("stops between batches when it is told to", async () => {
  const controller = new AbortController();
  const stopped = { signal: controller.signal, emit: () => controller.abort(new Error("enough")) } as unknown as Context;
  const rows = [1, 2, 3].map((): Written => ({ tokens: [1, 3, END], start: 1 }));
  await expect(scoreRows(session, rows, { batch: 1, message: "rows" }, stopped)).rejects.toThrow("enough");
});
