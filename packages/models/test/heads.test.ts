/** Another head on an encoder, and the tokenizer that small encoders get. */
import { memoryFiles } from "@pare/core";
import { describe, expect, it } from "vitest";
import { bert, headOf, loadCheckpoint, saveHuggingFace, withHead, wordPieceTokenizer, type BertConfig } from "../src/index.ts";
import { registry, smallBert, smallLlama } from "./models.ts";

describe("withHead", () => {
  it.each<[BertConfig["head"], Partial<ReturnType<typeof headOf>>]>([
    [{ task: "masked-token" }, { perToken: true }],
    [
      { task: "sequence-classification", labels: ["a", "b", "c"] },
      { perToken: false, width: 3, kind: "single", labels: ["a", "b", "c"] },
    ],
    [
      { task: "sequence-classification", labels: ["value"] },
      { width: 1, kind: "regression" },
    ],
    [
      { task: "token-classification", labels: ["a", "b"] },
      { perToken: true, width: 2 },
    ],
    [{ task: "question-answering" }, { perToken: true, width: 2 }],
    [{ task: "multiple-choice" }, { perToken: false, width: 1 }],
    [{ task: "sentence-embedding" }, { perToken: false, width: 16 }],
    [{ task: "features" }, { perToken: true, width: 16 }],
  ])("gives $task, whose folder reads back the same", async (head, expected) => {
    const model = withHead(smallBert({ task: "masked-token", activation: "gelu", tied: true }), bert.define, head, { seed: 1 });
    expect(headOf(bert.define, model.config)).toMatchObject({ task: head.task, ...expected });
    for (const [save, what] of [
      [async () => saved(model), "ours"],
      [async () => hugging(model), "transformers"],
    ] as const) {
      const again = await loadCheckpoint(await save(), registry);
      expect(headOf(bert.define, again.config), what).toEqual(headOf(bert.define, model.config));
    }
  });

  it("forgets what the config of the folder it came from said of the head before", () => {
    const before = smallBert();
    const raw = { model_type: "bert", id2label: { 0: "old" }, num_labels: 1, problem_type: "regression", hidden_dropout_prob: 0.1 };
    const read = { ...before, config: { ...before.config, huggingface: raw } };
    const { config } = withHead(read, bert.define, { task: "masked-token" }, { seed: 1 });
    expect(config["huggingface"]).toEqual({ model_type: "bert", hidden_dropout_prob: 0.1 });
  });

  it("refuses a head without its classes, an unknown one, and models that have one head", () => {
    const put = (head: BertConfig["head"]) => () => withHead(smallBert(), bert.define, head, { seed: 1 });
    expect(put({ task: "sequence-classification" })).toThrow(/head\.labels[\s\S]*models\/config-invalid/);
    expect(put({ task: "masked-tokens" })).toThrow(/masked-token[\s\S]*models\/config-invalid/);
    expect(put({ task: "question-answering", labels: ["a"] })).toThrow(/models\/config-invalid/);
    const llama = smallLlama();
    const { define } = registry.find("architecture", "llama") as typeof bert;
    expect(() => withHead(llama, define, { task: "masked-token" }, { seed: 1 })).toThrow(/models\/head-fixed/);
  });
});

async function saved(model: ReturnType<typeof smallBert>) {
  const files = memoryFiles();
  await model.save(files);
  return files;
}

async function hugging(model: ReturnType<typeof smallBert>) {
  const files = memoryFiles();
  await saveHuggingFace(model, bert.define, files);
  return files;
}

describe("wordPieceTokenizer", () => {
  const pieces = ["play", "##ing", "##s", "zurich", ".", "ü"];

  it("splits words into the longest pieces, and reads case and accents as its vocabulary has them", () => {
    const tokenizer = wordPieceTokenizer(pieces);
    expect(tokenizer.special).toMatchObject({ padding: 0, unknown: 1, mask: 4 });
    const ids = (text: string) => tokenizer.encode(text).map((id) => id - 5);
    expect(ids("Playing plays.")).toEqual([0, 1, 0, 2, 4]);
    expect(ids("ZÜRICH")).toEqual([3]);
    expect(tokenizer.encode("walk")).toEqual([1]);
    expect(tokenizer.decode(tokenizer.encode("playing plays."))).toBe("playing plays.");
    expect(tokenizer.frame([5], [6])).toEqual({ ids: [2, 5, 3, 6, 3], tokenTypes: [0, 0, 0, 1, 1], starts: [1, 3] });
    expect(wordPieceTokenizer(pieces, { lowercase: false }).encode("ü Play")).toEqual([10, 1]);
  });

  it("takes the marks from a vocabulary that has them", () => {
    const tokenizer = wordPieceTokenizer(["[PAD]", "a", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]);
    expect(tokenizer.vocabularySize).toBe(6);
    expect(tokenizer.frame(tokenizer.encode("a")).ids).toEqual([3, 1, 4]);
  });
});
