/** Text of encoder–decoders: how their two sides begin and end. */
import { memoryFiles } from "@pare/core";
import { openReference } from "@pare/tensor-core";
import { expect, it } from "vitest";
import { beginToken, createModel, load, sourceIds, t5, tokenizerFromJson, type Checkpoint, type Tokenizer } from "../src/index.ts";
import { smallEncoderDecoder, smallT5 } from "./models.ts";

/** As T5's are: an end mark around texts, and no begin token. */
function endMarked(of: Tokenizer): Tokenizer {
  const template = [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }];
  const json = {
    ...of.toJSON(),
    post_processor: {
      type: "TemplateProcessing",
      single: template,
      pair: template,
      special_tokens: { "</s>": { id: "</s>", ids: [2], tokens: ["</s>"] } },
    },
  };
  return tokenizerFromJson(json, { eos_token: "</s>", pad_token: "<pad>" });
}

function t5With(huggingface: Record<string, unknown> | undefined): Checkpoint {
  const { config, tokenizer } = smallT5("1.0");
  return createModel(t5.define, { ...config, ...(huggingface && { huggingface }) }, { seed: 6, tokenizer: endMarked(tokenizer!) });
}

it("T5's decoder starts as its folder says, with padding where it says nothing; others with the tokenizer's begin token", () => {
  expect(beginToken(t5With(undefined), t5.define)).toBe(0);
  expect(beginToken(t5With({ decoder_start_token_id: 3, pad_token_id: 1 }), t5.define)).toBe(3);
  expect(beginToken(t5With({ pad_token_id: 1 }), t5.define)).toBe(1);
  const own = smallEncoderDecoder();
  expect(beginToken(own, { ...t5.define, startToken: undefined })).toBe(own.tokenizer!.special.begin);
});

it("generates text from a source with its marks", async () => {
  const model = t5With({ decoder_start_token_id: 3 });
  const { tokenizer } = model;
  expect(sourceIds(tokenizer!, "walk twice")).toEqual([...tokenizer!.encode("walk twice"), 2]);
  const files = memoryFiles();
  await model.save(files);
  const { generate, session, dispose } = await load(files, { device: openReference() });
  const expected: number[] = [];
  const request = { prompts: [[3]], sources: [sourceIds(tokenizer!, "walk twice")], maxTokens: 5, stop: [] };
  for await (const [token] of session.generate(request)) expected.push(token!);
  let text = "";
  for await (const piece of generate("walk twice", { maxTokens: 5, stop: [] })) text += piece;
  expect(text).toBe(tokenizer!.decode(expected));
  await dispose();
});
