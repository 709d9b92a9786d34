import { memoryFiles } from "@pare/core";
import {
  bert,
  bertConfig,
  builtIn,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  loadCheckpoint,
  padRows,
  wordPieceTokenizer,
  wordTokenizer,
  type Architecture,
  type Checkpoint,
} from "@pare/models";
import { finetune } from "@pare/training";
import { outputsOf, toyContext, withQuantized } from "@pare/training/testing";
import { describe, expect, it } from "vitest";
import { vocabulary } from "./vocabulary.ts";

const WORDS = "one two three four five six seven eight nine ten".split(" ");
const CORPUS = ["two four six", "eight two", "six six ten"];
const data = { use: "text", text: CORPUS.join("\n"), separator: "\n" } as const;
const shape = { contextLength: 16, hiddenSize: 8, heads: 2, feedForward: 12 };

const context = () => toyContext({ plugins: [...builtIn, finetune] });

async function logitsOf(model: Checkpoint, tokens: readonly number[], sources?: readonly number[]): Promise<number[][]> {
  const { config } = model;
  const architecture = (await context()).registry.find("architecture", config.architecture).define as Architecture;
  const { logits } = await outputsOf(architecture, model, padRows([tokens], sources && [sources]));
  const values = [...(logits.data as Float32Array)];
  return tokens.map((_, at) => values.slice(at * config.vocabularySize, (at + 1) * config.vocabularySize));
}

describe("prune/vocabulary", () => {
  it.each([true, false])("leaves texts of the corpus their pieces and the rows that are left their logits (tied: %s)", async (tied) => {
    const tokenizer = wordTokenizer(WORDS);
    const config = llamaConfig({ ...shape, vocabularySize: tokenizer.vocabularySize + 3, layers: 1, tied });
    const model = createModel(llama.define, config, { seed: 2, tokenizer });
    const { model: small } = await vocabulary({ data }).run({ model }, await context());
    const ids = [0, 1, 2, 4, 6, 8, 10, 12];
    expect(small.config.vocabularySize).toBe(8);
    for (const text of CORPUS) {
      const [before, after] = [tokenizer.encode(text), small.tokenizer!.encode(text)];
      expect(after.map((id) => ids[id])).toEqual(before);
      expect(small.tokenizer!.decode(after)).toBe(text);
      const expected = (await logitsOf(model, before)).map((row) => ids.map((id) => row[id]));
      (await logitsOf(small, after)).forEach((row, at) => row.forEach((value, i) => expect(value).toBeCloseTo(expected[at][i], 5)));
    }
    expect(small.provenance).toMatchObject({ deeds: [{ use: "prune/vocabulary" }], seen: [{ data: "text" }] });
    const files = memoryFiles();
    await small.save(files);
    expect((await loadCheckpoint(files, (await context()).registry)).tokenizer!.encode("ten")).toEqual([7]);
  });

  it("follows the vocabulary to a masked token's bias, and through an encoder–decoder", async () => {
    const tokenizer = wordPieceTokenizer(WORDS);
    const config = bertConfig({
      ...shape,
      vocabularySize: tokenizer.vocabularySize,
      layers: 1,
      head: { task: "masked-token", activation: "gelu", tied: true },
    });
    const huggingface = { pad_token_id: tokenizer.special.padding!, eos_token_id: [14, 4], sep_token_id: null };
    const model = createModel(bert.define, { ...config, huggingface }, { seed: 2, tokenizer });
    const { model: small } = await vocabulary({ data }).run({ model }, await context());
    expect(small.weights.get("head.output.bias")!.shape).toEqual([10]);
    expect(small.tokenizer!.special.mask).toBe(tokenizer.special.mask);
    expect(small.config["huggingface"]).toEqual({
      pad_token_id: small.tokenizer!.special.padding,
      eos_token_id: [9, 4],
      sep_token_id: null,
    });
    const words = wordTokenizer(WORDS);
    const both = encoderDecoderConfig({ ...shape, vocabularySize: words.vocabularySize, encoderLayers: 1, decoderLayers: 1 });
    const pair = createModel(encoderDecoder.define, both, { seed: 2, tokenizer: words });
    const { model: fewer } = await vocabulary({ data }).run({ model: pair }, await context());
    const expected = await logitsOf(pair, [1, 4], [6, 8]);
    (await logitsOf(fewer, [1, 3], [4, 5]))[1].forEach((value, i) =>
      expect(value).toBeCloseTo(expected[1][[0, 1, 2, 4, 6, 8, 10, 12][i]], 5),
    );
  });

  it("refuses words that the tokenizer does not know, models without one, and quantized rows", async () => {
    const tokenizer = wordTokenizer(WORDS);
    const config = llamaConfig({ ...shape, vocabularySize: tokenizer.vocabularySize, layers: 1 });
    const model = createModel(llama.define, config, { seed: 2, tokenizer });
    const other = { data: { use: "text", text: "eleven" } };
    await expect(vocabulary(other).run({ model }, await context())).rejects.toMatchObject({ code: "models/text-not-encodable" });
    const bare = createModel(llama.define, config, { seed: 2 });
    await expect(vocabulary({ data }).run({ model: bare }, await context())).rejects.toMatchObject({
      code: "training/tokenizer-incomplete",
    });
    await expect(vocabulary({ data }).run({ model: withQuantized(model, "embedding") }, await context())).rejects.toMatchObject({
      code: "prune/quantized-weight",
    });
  });
});
