import type { Registry } from "@pare/core";
import type { ActivationRange } from "@pare/formats";
import type { Device } from "@pare/tensor-core";
import { z } from "zod";
import type { Architecture } from "../../architecture.ts";
import type { Checkpoint } from "../../checkpoint.ts";
import { calibrationMissing, deviceUnavailable, tokenizerMissing } from "../../errors.ts";
import { writeTokenizer } from "../../folder/save.ts";
import { defineExporter, type ExporterPlugin } from "../exporter.ts";
import { FLAVOURS, flavourOf } from "./flavours.ts";
import { activationRanges, type CalibrationRow } from "./ranges.ts";
import { changesOf, onnxPacks, writeOnnxModel } from "./write.ts";

const ids: z.ZodType<readonly number[]> = z.array(z.int().min(0)).min(1);

const options = z.strictObject({
  flavour: z.enum(FLAVOURS).default("f32").describe("how weights and activations are written"),
  cache: z.boolean().default(false).describe("a decoding call with past_key_values instead of the forward pass"),
  externalFrom: z.int().min(0).max(2e9).default(2e9).describe("bytes of weights from which on they go to model.onnx_data"),
  calibration: z
    .strictObject({
      texts: z.array(z.string()).default([]).describe("examples, by the model's tokenizer"),
      rows: z
        .array(z.union([ids, z.strictObject({ tokens: ids, source: ids.optional() })]))
        .default([])
        .describe("examples as token ids"),
      backend: z.string().optional().describe("default: the registry's first that this machine has"),
    })
    .optional()
    .describe("for flavour int8-static: what activations are measured on"),
});

type Options = z.infer<typeof options>;

/** `model.onnx` (and `model.onnx_data` where weights are past `externalFrom`), with the tokenizer. */
export const onnxExporter: ExporterPlugin<"onnx"> = defineExporter({
  id: "onnx",
  version: 1,
  package: "@pare/models",
  options,
  write: async (checkpoint, { files, options: given, registry, signal }) => {
    const architecture = registry.find("architecture", checkpoint.config.architecture).define as Architecture;
    const ranges = given.flavour === "int8-static" ? await calibrate(checkpoint, architecture, given, registry, signal) : undefined;
    const { cache, externalFrom } = given;
    const flavour = flavourOf(given.flavour, ranges);
    const written = await writeOnnxModel(files, "model.onnx", checkpoint, {
      architecture,
      flavour,
      cache,
      externalFrom,
      packs: onnxPacks(registry),
    });
    if (checkpoint.tokenizer !== undefined) await writeTokenizer(files, checkpoint.tokenizer);
    return { changes: changesOf(written, checkpoint), notes: [`ONNX opset ${written.opset}, ${written.flavour}`] };
  },
});

async function calibrate(
  checkpoint: Checkpoint,
  architecture: Architecture,
  { calibration }: Options,
  registry: Registry,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, ActivationRange>> {
  if (calibration === undefined) throw calibrationMissing({});
  const rows = [...calibration.rows.map((row) => ("tokens" in row ? row : { tokens: row })), ...encoded(checkpoint, calibration.texts)];
  const device = await openDevice(registry, calibration.backend);
  try {
    return await activationRanges(checkpoint, { device, architecture, rows: rows as CalibrationRow[], signal });
  } finally {
    await device.close();
  }
}

function encoded({ tokenizer }: Checkpoint, texts: readonly string[]): CalibrationRow[] {
  if (texts.length === 0) return [];
  if (tokenizer === undefined) throw tokenizerMissing({ part: "a tokenizer" });
  return texts.map((text) => ({ tokens: tokenizer.encode(text) })).filter(({ tokens }) => tokens.length > 0);
}

async function openDevice(registry: Registry, backend: string | undefined): Promise<Device> {
  const candidates = backend === undefined ? registry.list("backend") : [registry.find("backend", backend)];
  for (const candidate of candidates) {
    const device = (await candidate.open()) as Device | null;
    if (device !== null) return device;
  }
  throw deviceUnavailable({ backends: candidates.map(({ id }) => id).join(", ") || "none" });
}
