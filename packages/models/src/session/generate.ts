import type { HostTensor } from "@pare/tensor-core";
import { rowsInvalid } from "../errors.ts";
import { contextOf } from "../scope.ts";
import { Decoder, slotGraphs, type SlotGraphs } from "./decoder.ts";
import type { SessionParts } from "./parts.ts";
import { needHead } from "./head.ts";
import { checkBatch } from "./rows.ts";
import { chooseToken, type Sampling } from "./sample.ts";
import type { GenerateRequest, Session } from "./types.ts";

/** Logits `[rows, vocabulary]` for the token after each row. */
type NextLogits = (rows: readonly (readonly number[])[]) => Promise<Float32Array>;

export function createGenerator(parts: SessionParts): Session["generate"] {
  const slots: { readonly graphs: SlotGraphs; busy: boolean }[] = [];
  return async function* generate(request) {
    const sampling = checkRequest(parts, request);
    if (request.cache === false || parts.architecture.decode === undefined) {
      yield* decode(parts, request, sampling, wholeForward(parts, request));
      return;
    }
    let slot = slots.findIndex(({ busy }) => !busy);
    if (slot < 0) slot = slots.push({ graphs: slotGraphs(parts, slots.length), busy: false }) - 1;
    slots[slot]!.busy = true;
    const decoder = new Decoder(parts, slot, slots[slot]!.graphs, request.prompts.length, request.inputs ?? {});
    try {
      await decoder.start(request.prompts, request.sources);
      const next: NextLogits = (rows) =>
        decoder.step(
          rows.map((row) => row.at(-1)!),
          rows.map((row) => row.length - 1),
        );
      yield* decode(parts, request, sampling, next);
    } finally {
      decoder.dispose();
      slots[slot]!.busy = false;
    }
  };
}

function checkRequest({ checkpoint, architecture }: SessionParts, request: GenerateRequest): Sampling {
  const { prompts, sources, temperature = 0, topP = 1, seed = 0, maxTokens } = request;
  needHead(architecture, checkpoint.config, "next-token", "generate text");
  checkBatch(checkpoint, architecture, { tokens: prompts, sources });
  const empty = prompts.findIndex((row) => row.length === 0);
  if (empty >= 0) throw rowsInvalid({ field: `prompts[${empty}]`, expected: "one token or more", found: "none" });
  const wrong = (field: string, expected: string, found: number): Error => rowsInvalid({ field, expected, found: `${found}` });
  if (!(temperature >= 0 && temperature < Infinity)) throw wrong("temperature", "0 or more", temperature);
  if (!(topP > 0 && topP <= 1)) throw wrong("topP", "more than 0 and at most 1", topP);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 0) throw wrong("maxTokens", "a whole number of 0 or more", maxTokens);
  return { temperature, topP, seed };
}

async function* decode(
  { checkpoint }: SessionParts,
  { prompts, maxTokens, stop, signal }: GenerateRequest,
  sampling: Sampling,
  next: NextLogits,
): AsyncGenerator<readonly (number | undefined)[]> {
  const { config, tokenizer } = checkpoint;
  const { end, begin } = tokenizer?.special ?? {};
  const stops = new Set(stop ?? [end, begin]);
  const limit = contextOf(config);
  const rows = prompts.map((row) => [...row]);
  const ended = rows.map((row) => row.length >= limit);
  for (let step = 0; step < maxTokens && !ended.every(Boolean); step++) {
    signal?.throwIfAborted();
    const logits = await next(rows);
    const given = rows.map((row, index) => {
      if (ended[index]) return undefined;
      const begins = index * config.vocabularySize;
      const token = chooseToken(logits.subarray(begins, begins + config.vocabularySize), sampling, index, step);
      if (stops.has(token)) {
        ended[index] = true;
        return undefined;
      }
      row.push(token);
      ended[index] = row.length >= limit;
      return token;
    });
    if (given.some((token) => token !== undefined)) yield given;
  }
}

/** Computes the whole sequence anew for each token: what the caches are checked against. */
function wholeForward({ run, checkpoint }: SessionParts, { sources, inputs }: GenerateRequest): NextLogits {
  const { vocabularySize } = checkpoint.config;
  return async (rows) => {
    const { data, shape } = (await run({ tokens: rows, sources }, inputs))["logits"] as HostTensor;
    const width = shape[1]!;
    const last = new Float32Array(rows.length * vocabularySize);
    for (const [index, row] of rows.entries()) {
      const begin = (index * width + row.length - 1) * vocabularySize;
      last.set((data as Float32Array).subarray(begin, begin + vocabularySize), index * vocabularySize);
    }
    return last;
  };
}
