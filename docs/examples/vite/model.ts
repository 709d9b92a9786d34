/** Makes a small model of random weights: `node model.ts` writes it to `public/model`, where the page looks for one. */
import type { FileSet } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { createModel, llama, llamaConfig, wordTokenizer } from "@pare/models";

export async function makeModel(files: FileSet): Promise<void> {
  const tokenizer = wordTokenizer(["walk", "run", "jump", "twice", "and"]);
  const { vocabularySize } = tokenizer;
  const config = llamaConfig({ vocabularySize, contextLength: 32, hiddenSize: 64, layers: 2, heads: 4, feedForward: 128 });
  await createModel(llama.define, config, { seed: 1, tokenizer }).save(files);
}

if (import.meta.filename === process.argv[1]) await makeModel(folderFiles("public/model", { create: true }));
