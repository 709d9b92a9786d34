import { API_VERSION, type FileSet, type Format } from "@pare/core";
import { filesAmbiguous } from "../errors.ts";
import { at } from "../named-tensors.ts";
import { readLlama2cCheckpoint, type Llama2cCheckpoint } from "./checkpoint.ts";
import { readLlama2cTokenizer, type Llama2cPiece } from "./tokenizer.ts";

export interface Llama2cModel extends Llama2cCheckpoint {
  /** Where the checkpoint is, for errors about what is in it. */
  readonly file: string;
  /** Pieces by id; undefined where the folder holds no `tok*.bin`. */
  readonly tokenizer: { readonly file: string; readonly pieces: readonly Llama2cPiece[] } | undefined;
}

/** A folder with one llama2.c checkpoint `<name>.bin` and, beside it, its tokenizer `tok<name>.bin`. Read only. */
export const llama2cFormat: Format<"llama2c", Llama2cModel> = {
  kind: "format",
  id: "llama2c",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/formats",
  detect: async (files) => {
    const names = await files.list();
    return !names.includes("config.json") && names.some(isCheckpoint);
  },
  read: async (files) => {
    const names = await files.list();
    const name = only(files, "checkpoint", names.filter(isCheckpoint));
    const model = { ...(await readLlama2cCheckpoint(files, name)), file: at(files, name) };
    const tokenizers = names.filter(isTokenizer);
    if (tokenizers.length === 0) return { ...model, tokenizer: undefined };
    const tokenizer = only(files, "tokenizer", tokenizers);
    const pieces = await readLlama2cTokenizer(files, tokenizer, model.config.vocabularySize);
    return { ...model, tokenizer: { file: at(files, tokenizer), pieces } };
  },
};

function isTokenizer(name: string): boolean {
  return /^tok[^/]*\.bin$/.test(name);
}

function isCheckpoint(name: string): boolean {
  return /^[^/]*\.bin$/.test(name) && !isTokenizer(name);
}

function only(files: FileSet, field: string, names: readonly string[]): string {
  if (names.length !== 1) {
    throw filesAmbiguous({ file: files.location, field, expected: "one file", found: names.length === 0 ? "none" : names.join(", ") });
  }
  return names[0]!;
}
