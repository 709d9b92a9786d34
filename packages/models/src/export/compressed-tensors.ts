import {
  compressedConfigJson,
  compressedSchemeOf,
  compressedTensors,
  type CompressedFormat,
  type CompressedGroup,
  type CompressedScheme,
} from "@pare/formats";
import type { AffineParts, TensorSource } from "@pare/tensor-core";
import { z } from "zod";
import type { Architecture } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { notExpressible } from "../errors.ts";
import { fileTensors } from "../huggingface/names.ts";
import { inLibraryForm, saveHuggingFace } from "../huggingface/save.ts";
import { affineOfWeight } from "../weight-rows.ts";
import { defineExporter, type ExportChange, type ExporterPlugin } from "./exporter.ts";

interface Options {
  readonly format: "auto" | CompressedFormat;
  readonly roundActivations?: boolean | undefined;
}

const options: z.ZodType<Options> = z.strictObject({
  format: z
    .enum(["auto", "int-quantized", "pack-quantized"])
    .default("auto")
    .describe("auto: int-quantized where all codes are symmetric, of 8 bits and one scale per row or matrix, else pack-quantized"),
  roundActivations: z
    .boolean()
    .optional()
    .describe("the runtime rounds activations to int8 per token; without it as int-quantized needs it"),
});

/** A transformers folder whose linear layers keep their codes, as vLLM and the compressed-tensors library read it. */
export const compressedTensorsExporter: ExporterPlugin<"compressed-tensors"> = defineExporter({
  id: "compressed-tensors",
  version: 1,
  package: "@pare/models",
  options,
  write: async (given, { files, registry, options: wish }) => {
    const architecture = registry.find("architecture", given.config.architecture).define as Architecture;
    const checkpoint = inLibraryForm(architecture, given);
    const modules = modulesOf(architecture, checkpoint);
    const format = formatFor(modules, wish.format);
    const kept = modules.filter(({ scheme }) => scheme !== undefined && fits(scheme, format)) as (Module & { scheme: CompressedScheme })[];
    if (kept.length === 0) throw nothingKept(checkpoint, format);
    const rounded = wish.roundActivations ?? format === "int-quantized";
    const quantization = compressedConfigJson({ format, ...targetsOf(architecture, modules, kept), roundedActivations: rounded });
    const { densified, masks } = await saveHuggingFace(checkpoint, architecture, files, {
      config: { quantization_config: quantization },
      tensors: (plain) => new Map([...plain].flatMap(([name, source]) => tensorsOf(name, source, kept, format))),
    });
    const stay = new Set(kept.map(({ weight }) => weight));
    const changes = densified
      .filter((weight) => !stay.has(weight))
      .map((weight): ExportChange => {
        const from = checkpoint.weights.get(weight)!.storage;
        return { weight, from, to: "f32", exact: true, why: `${format} has no such form` };
      });
    return { changes, notes: notesOf(rounded, masks.length) };
  },
});

/** A linear layer that has a tensor of its own, upright. */
interface Module {
  readonly weight: string;
  /** Without `.weight`. */
  readonly name: string;
  readonly affine?: AffineParts | undefined;
  /** undefined: its weight is not codes, or not codes that the format knows. */
  readonly scheme?: CompressedScheme | undefined;
}

function modulesOf(architecture: Architecture, { config, weights }: Checkpoint): Module[] {
  if (architecture.huggingface === undefined) return [];
  const linear = new Set(architecture.weights(config).flatMap(({ name, role }) => (role === "linear" ? [name] : [])));
  return fileTensors(architecture, architecture.huggingface.names, config).flatMap(({ tensor, parts, transposed }) => {
    const [only, ...others] = parts;
    if (others.length > 0 || transposed === true || !tensor.endsWith(".weight") || !linear.has(only!.weight)) return [];
    const affine = affineOfWeight(weights.get(only!.weight)!);
    return [{ weight: only!.weight, name: tensor.slice(0, -".weight".length), affine, scheme: affine && compressedSchemeOf(affine) }];
  });
}

function fits({ bits, symmetric, strategy }: CompressedScheme, format: CompressedFormat): boolean {
  return format === "pack-quantized" || (bits === 8 && symmetric && strategy !== "group");
}

function formatFor(modules: readonly Module[], wish: Options["format"]): CompressedFormat {
  if (wish !== "auto") return wish;
  const schemes = modules.flatMap(({ scheme }) => scheme ?? []);
  return schemes.every((scheme) => fits(scheme, "int-quantized")) ? "int-quantized" : "pack-quantized";
}

/** One scheme for a decoder is said as for all linear layers but some, as most folders do; else the layers are named. */
function targetsOf(
  { family }: Architecture,
  modules: readonly Module[],
  kept: readonly (Module & { readonly scheme: CompressedScheme })[],
): { readonly groups: CompressedGroup[]; readonly ignore: string[] } {
  const groups = new Map<string, { scheme: CompressedScheme; targets: string[] }>();
  for (const { name, scheme } of kept) {
    const key = JSON.stringify(scheme);
    groups.set(key, { scheme, targets: [...(groups.get(key)?.targets ?? []), name] });
  }
  const names = new Set(kept.map(({ name }) => name));
  const ignore = modules.flatMap(({ name }) => (names.has(name) ? [] : [name]));
  if (family !== "decoder" || groups.size > 1) return { groups: [...groups.values()], ignore };
  // A head that is tied to the embedding has no tensor, but is a linear layer all the same.
  if (!names.has("lm_head") && !ignore.includes("lm_head")) ignore.push("lm_head");
  return { groups: [{ scheme: kept[0]!.scheme, targets: ["Linear"] }], ignore };
}

function tensorsOf(name: string, source: TensorSource, kept: readonly Module[], format: CompressedFormat): [string, TensorSource][] {
  const module = kept.find((one) => `${one.name}.weight` === name);
  return module === undefined ? [[name, source]] : compressedTensors(module.name, format, module.affine!);
}

function nothingKept({ weights }: Checkpoint, format: CompressedFormat): Error {
  const storages = [...new Set([...weights.values()].map(({ storage }) => storage))].join(", ");
  const expected = `linear layers in codes that ${format} knows: 8 or 4 bits, by row or in groups that fill it`;
  return notExpressible({ file: "config.json", field: "quantization_config", expected, found: `weights that are ${storages}` });
}

function notesOf(rounded: boolean, masks: number): string[] {
  return [
    ...(rounded ? ["The runtime rounds activations to int8, by a scale per token: it computes a little otherwise than Pare does."] : []),
    ...(masks === 0 ? [] : [`${masks} pruned weights are written as zeros: which of them were pruned is not in the folder`]),
  ];
}
