import { API_VERSION, type FileSet, type Format } from "@pare/core";
import { filesAmbiguous, ggufSplit } from "../errors.ts";
import { readGguf, type GgufFile } from "./read.ts";

/** What a folder that Pare writes calls its one file. */
export const GGUF_FILE = "model.gguf";

/** A GGUF file, alone or the only one of a folder. Read only: what is written depends on the architecture. */
export const ggufFormat: Format<"gguf", GgufFile> = {
  kind: "format",
  id: "gguf",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/formats",
  detect: async (files) => (await ggufNames(files)).length > 0,
  read: async (files) => {
    const names = await ggufNames(files);
    const [name] = names;
    if (name === undefined || names.length > 1)
      throw filesAmbiguous({ file: files.location, field: "*.gguf", expected: "one file", found: names.join(", ") || "none" });
    const content = await readGguf(files, name);
    const parts = content.metadata.get("split.count");
    if (parts !== undefined && parts.kind !== "array" && Number(parts.value) > 1)
      throw ggufSplit({ file: content.file, field: "split.count", expected: "the whole model in one file", found: `${parts.value} parts` });
    return content;
  },
};

async function ggufNames(files: FileSet): Promise<string[]> {
  return (await files.list()).filter((name) => name.endsWith(".gguf"));
}
