import { f32, openReference, type HostTensor } from "@pare/tensor-core";
import { afterEach, describe, expect, it } from "vitest";
import { openSession, type Checkpoint, type GenerateRequest, type Session, type SessionOptions } from "../src/index.ts";
import { registry, smallEncoderDecoder, smallLlama } from "./models.ts";

const open: Session[] = [];
afterEach(async () => {
  for (const session of open.splice(0)) await session.dispose();
});

function sessionOf(checkpoint: Checkpoint, options: Partial<SessionOptions> = {}): Session {
  const session = openSession(checkpoint, { device: openReference(), registry, ...options });
  open.push(session);
  return session;
}

async function rowsOf(session: Session, request: GenerateRequest): Promise<number[][]> {
  const rows: number[][] = request.prompts.map(() => []);
  for await (const step of session.generate(request)) step.forEach((token, row) => token !== undefined && rows[row]!.push(token));
  return rows;
}

/** −log softmax of row `at` of logits `[…, vocabulary]`, in float64. */
function nll({ data, shape }: HostTensor, at: number, token: number): number {
  const vocabulary = shape.at(-1)!;
  const row = Array.from((data as Float32Array).subarray(at * vocabulary, (at + 1) * vocabulary));
  const highest = Math.max(...row);
  return highest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - highest), 0)) - row[token]!;
}

const PROMPTS = [[1, 3, 4], [1], [1, 5, 6, 7, 8, 9, 3, 3, 4, 4]];
const SOURCES = [[3, 6], [5, 7, 4, 3, 6, 7, 5, 4, 3], [4]];
const BEGINS = [[1], [1], [1]];

describe.each([
  ["llama", smallLlama(), { prompts: PROMPTS }],
  ["encoder-decoder", smallEncoderDecoder(), { prompts: BEGINS, sources: SOURCES }],
  ["encoder-decoder with begun outputs", smallEncoderDecoder(), { prompts: PROMPTS, sources: SOURCES }],
] as const)("a session of a %s", (_, checkpoint, rows) => {
  it("generates the same ids with and without cache, alone and in a batch, past a cache's first size", async () => {
    const session = sessionOf(checkpoint);
    // Stop tokens off, so that every row runs to the end; 60 tokens pass the caches' first 32 entries.
    const request = { ...rows, maxTokens: 60, stop: [] };
    const cached = await rowsOf(session, request);
    expect(cached.map((row) => row.length)).toEqual([60, 60, 60]);
    expect(await rowsOf(session, { ...request, cache: false })).toEqual(cached);
    for (const [index, prompt] of rows.prompts.entries()) {
      const sources = "sources" in rows ? [rows.sources[index]!] : undefined;
      expect(await rowsOf(session, { ...request, prompts: [prompt], sources })).toEqual([cached[index]]);
    }
  });

  it("samples the same by the same seed, and otherwise by another; a small nucleus is greedy", async () => {
    const session = sessionOf(checkpoint);
    const request = { ...rows, maxTokens: 12, stop: [], temperature: 1 };
    const sampled = await rowsOf(session, { ...request, seed: 5 });
    expect(await rowsOf(session, { ...request, seed: 5, cache: false })).toEqual(sampled);
    expect(await rowsOf(session, { ...request, seed: 6 })).not.toEqual(sampled);
    expect(await rowsOf(session, { ...request, seed: 6, topP: 1e-9 })).toEqual(await rowsOf(session, { ...request, temperature: 0 }));
  });

  it("ends rows at stop tokens, each by itself, and at the context length", async () => {
    const session = sessionOf(checkpoint);
    const free = await rowsOf(session, { ...rows, maxTokens: 500, stop: [] });
    free.forEach((row, index) => expect(row.length + rows.prompts[index]!.length).toBe(96));
    const stop = free[0]![2]!;
    const stopped = await rowsOf(session, { ...rows, maxTokens: 500, stop: [stop] });
    expect(stopped).toEqual(free.map((row) => (row.includes(stop) ? row.slice(0, row.indexOf(stop)) : row)));
  });

  it("scores every token after the first as the forward pass has it", async () => {
    const session = sessionOf(checkpoint);
    const tokens = [
      [1, 3, 4, 5, 6],
      [1, 9],
      [1, 7, 7, 7, 8, 8, 8, 9, 9, 3, 4, 5],
    ];
    const batch = "sources" in rows ? { tokens, sources: rows.sources } : { tokens };
    const scores = await session.score(batch);
    const logits = await session.forward(batch);
    expect(logits.shape).toEqual([3, 12, 11]);
    for (const [index, row] of tokens.entries()) {
      expect(scores[index]!.nll.length).toBe(row.length - 1);
      for (let i = 1; i < row.length; i++) {
        expect(scores[index]!.nll[i - 1]).toBeCloseTo(nll(logits, index * 12 + i - 1, row[i]!), 5);
        const rival = Array.from({ length: 11 }, (__, token) => nll(logits, index * 12 + i - 1, token));
        expect(scores[index]!.predicted[i - 1]).toBe(rival.indexOf(Math.min(...rival)));
      }
    }
  });

  it("gives a row the same logits whatever stands beside it", async () => {
    const session = sessionOf(checkpoint);
    const together = await session.forward({ tokens: PROMPTS, sources: "sources" in rows ? SOURCES : undefined });
    for (const [index, row] of PROMPTS.entries()) {
      const alone = await session.forward({ tokens: [row], sources: "sources" in rows ? [SOURCES[index]!] : undefined });
      const begin = index * 10 * 11;
      (alone.data as Float32Array).forEach((value, place) => expect(value).toBeCloseTo((together.data as Float32Array)[begin + place]!, 5));
    }
  });

  it("generates several texts at once, on caches of their own", async () => {
    const session = sessionOf(checkpoint);
    const request = { ...rows, maxTokens: 20, stop: [] };
    const expected = await rowsOf(session, request);
    const reversed = {
      ...request,
      prompts: [...rows.prompts].reverse(),
      sources: "sources" in rows ? [...rows.sources].reverse() : undefined,
    };
    const [one, two] = await Promise.all([rowsOf(session, request), rowsOf(session, reversed)]);
    expect([one, two]).toEqual([expected, [...expected].reverse()]);
    expect(session.store.states()).toEqual([]);
  });
});

describe("a session", () => {
  it("frees its caches when the reader leaves early, and when it is aborted", async () => {
    const session = sessionOf(smallLlama());
    for await (const _ of session.generate({ prompts: [[1]], maxTokens: 5, stop: [] })) break;
    expect(session.store.states()).toEqual([]);
    const aborted = rowsOf(session, { prompts: [[1]], maxTokens: 5, signal: AbortSignal.abort(new Error("enough")) });
    await expect(aborted).rejects.toThrow("enough");
    expect(session.store.states()).toEqual([]);
  });

  it("taps and gates its sites, in the forward pass and while it decodes", async () => {
    const heads = { gate: { input: "heads" }, tap: "seen" };
    const session = sessionOf(smallLlama(), { sites: { "layers.0.attention.heads": heads } });
    const off = { heads: f32([4], [0, 1, 1, 0]) };
    const { seen } = await session.run({ tokens: [[1, 3, 4]] }, off);
    expect(seen!.shape).toEqual([1, 8, 4, 4]);
    expect(Array.from(seen!.data.subarray(0, 4) as Float32Array, Math.abs)).toEqual([0, 0, 0, 0]);
    expect(Array.from(seen!.data.subarray(4, 8) as Float32Array).some((value) => value !== 0)).toBe(true);
    const request = { prompts: [[1, 3, 4]], maxTokens: 10, stop: [], inputs: off };
    expect(await rowsOf(session, request)).toEqual(await rowsOf(session, { ...request, cache: false }));
  });

  it.each<[string, Parameters<Session["forward"]>[0], string]>([
    ["no rows", { tokens: [] }, "tokens"],
    ["an id past the vocabulary", { tokens: [[1], [1, 11]] }, "tokens[1]"],
    ["an id that is no whole number", { tokens: [[1.5]] }, "tokens[0]"],
    ["a row past the context", { tokens: [new Array<number>(97).fill(1)] }, "tokens[0]"],
    ["sources for a decoder", { tokens: [[1]], sources: [[1]] }, "sources"],
  ])("refuses %s", async (_, batch, field) => {
    const session = sessionOf(smallLlama());
    const expected = { code: "models/rows-invalid", report: { field } };
    await expect(session.forward(batch)).rejects.toMatchObject(expected);
    await expect(session.score(batch)).rejects.toMatchObject(expected);
  });

  it.each([
    ["temperature", NaN],
    ["temperature", -1],
    ["topP", 0],
    ["topP", 1.1],
    ["maxTokens", 1.5],
  ])("refuses %s %d", async (field, value) => {
    const request = { prompts: [[1]], maxTokens: 3, [field]: value };
    await expect(rowsOf(sessionOf(smallLlama()), request)).rejects.toMatchObject({ code: "models/rows-invalid", report: { field } });
  });

  it("wants to know how the model computes", () => {
    expect(() => openSession(smallLlama(), { device: openReference() })).toThrow(/architecture-missing/);
  });
});
