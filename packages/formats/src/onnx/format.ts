import { API_VERSION, type FileSet, type Format } from "@pare/core";
import { filesAmbiguous } from "../errors.ts";
import { readOnnx, type OnnxContent } from "./read.ts";

/** Where exporters put a model, the exact one first. */
const USUAL = ["model.onnx", "onnx/model.onnx"];

async function find(files: FileSet): Promise<string[]> {
  const models = (await files.list()).filter((name) => /^(onnx\/)?[^/]+\.onnx$/.test(name));
  const usual = USUAL.find((name) => models.includes(name));
  return usual === undefined ? models : [usual];
}

/** `model.onnx`, `onnx/model.onnx`, or the one other model of the folder. Reads the structure, and weights when they are used. */
export const onnxFormat: Format<"onnx", OnnxContent> = {
  kind: "format",
  id: "onnx",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/formats",
  detect: async (files) => (await find(files)).length > 0,
  read: async (files) => {
    const found = await find(files);
    const [name] = found;
    if (name === undefined || found.length > 1) {
      throw filesAmbiguous({
        file: files.location,
        field: ".onnx",
        expected: "one model, or one called model.onnx",
        found: found.join(", ") || "none",
      });
    }
    return readOnnx(files, name);
  },
};
