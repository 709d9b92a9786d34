/** `quantization_config` of config.json, as compressed-tensors and vLLM read it. */
import { isPlainObject } from "@pare/core";
import { compressedInvalid, compressedUnsupported } from "../errors.ts";

export type CompressedFormat = "int-quantized" | "pack-quantized";

/** How a module's weight was rounded. */
export interface CompressedScheme {
  readonly bits: number;
  readonly symmetric: boolean;
  readonly strategy: "tensor" | "channel" | "group";
  /** Only with the strategy "group". */
  readonly groupSize?: number | undefined;
}

export interface CompressedGroup {
  readonly scheme: CompressedScheme;
  /** Names of modules, or "Linear" for all that are not ignored. */
  readonly targets: readonly string[];
}

export interface CompressedConfig {
  readonly format: CompressedFormat;
  readonly groups: readonly CompressedGroup[];
  readonly ignore: readonly string[];
  /** The runtime rounds what goes into the modules to int8, by a scale per token. */
  readonly roundedActivations: boolean;
}

/** The object that config.json holds. */
export function compressedConfigJson({ format, groups, ignore, roundedActivations }: CompressedConfig): object {
  const activations = { num_bits: 8, type: "int", symmetric: true, strategy: "token", dynamic: true, group_size: null };
  const entries = groups.map(({ scheme, targets }, index) => {
    const { bits, symmetric, strategy, groupSize = null } = scheme;
    const weights = { num_bits: bits, type: "int", symmetric, strategy, group_size: groupSize, dynamic: false };
    return [`group_${index}`, { targets, weights, input_activations: roundedActivations ? activations : null, output_activations: null }];
  });
  return {
    quant_method: "compressed-tensors",
    format,
    quantization_status: "compressed",
    config_groups: Object.fromEntries(entries) as object,
    ignore,
    kv_cache_scheme: null,
  };
}

export interface CompressedReader {
  /** The scheme of a module that is stored compressed. Throws `formats/compressed-tensors-invalid` where none is its. */
  readonly schemeOf: (module: string) => CompressedScheme;
  /** What the runtime was to do beside reading weights, in words. */
  readonly notes: readonly string[];
}

/** Throws `formats/compressed-tensors-unsupported` for what is not read, `formats/compressed-tensors-invalid` for what cannot be. */
export function readCompressedConfig(config: unknown, file: string): CompressedReader {
  const at = (field: string): string => `quantization_config${field === "" ? "" : `.${field}`}`;
  const invalid = (field: string, expected: string, found: unknown): Error =>
    compressedInvalid({ file, field: at(field), expected, found: show(found) });
  const unsupported = (field: string, expected: string, found: unknown): Error =>
    compressedUnsupported({ file, field: at(field), expected, found: show(found) });
  if (!isPlainObject(config)) throw invalid("", "an object", config);
  if (config["quant_method"] !== "compressed-tensors") throw unsupported("quant_method", "compressed-tensors", config["quant_method"]);
  for (const field of ["kv_cache_scheme", "sparsity_config"]) {
    const value = config[field];
    const empty =
      value === undefined || value === null || (isPlainObject(value) && (Object.keys(value).length === 0 || value["format"] === "dense"));
    if (!empty) throw unsupported(field, "none", value);
  }
  const groups = config["config_groups"];
  if (!isPlainObject(groups) || Object.keys(groups).length === 0) throw invalid("config_groups", "groups by name", groups);
  const notes = new Set<string>();
  const read = Object.entries(groups).map(([name, group]) => {
    const field = `config_groups.${name}`;
    if (!isPlainObject(group)) throw invalid(field, "an object", group);
    const format = group["format"] ?? config["format"];
    if (format !== "int-quantized" && format !== "pack-quantized" && format !== "naive-quantized")
      throw unsupported(group["format"] === undefined ? "format" : `${field}.format`, "int-quantized or pack-quantized", format);
    const targets = group["targets"];
    if (!Array.isArray(targets) || !targets.every((target) => typeof target === "string"))
      throw invalid(`${field}.targets`, "names", targets);
    if (group["input_activations"] !== null && group["input_activations"] !== undefined) notes.add("its runtime rounds activations");
    return { targets, scheme: readScheme(group["weights"], `${field}.weights`, invalid, unsupported) };
  });
  return { notes: [...notes], schemeOf: (module) => schemeFor(module, read, invalid) };
}

type Refuse = (field: string, expected: string, found: unknown) => Error;

function readScheme(weights: unknown, field: string, invalid: Refuse, unsupported: Refuse): CompressedScheme {
  if (!isPlainObject(weights)) throw invalid(field, "an object", weights);
  const { num_bits: bits, type, symmetric = true, strategy: named, group_size: size, dynamic = false, actorder } = weights;
  if (type !== undefined && type !== "int") throw unsupported(`${field}.type`, "int", type);
  if (bits !== 2 && bits !== 4 && bits !== 8) throw unsupported(`${field}.num_bits`, "2, 4 or 8", bits);
  if (typeof symmetric !== "boolean") throw invalid(`${field}.symmetric`, "true or false", symmetric);
  if (dynamic !== false) throw unsupported(`${field}.dynamic`, "false", dynamic);
  if (actorder === "group" || actorder === true) throw unsupported(`${field}.actorder`, "none, or weight", actorder);
  const grouped = typeof size === "number" && size > 0;
  const strategy = named ?? (grouped ? "group" : size === -1 ? "channel" : "tensor");
  if (strategy === "tensor" || strategy === "channel") return { bits, symmetric, strategy };
  if (strategy !== "group") throw unsupported(`${field}.strategy`, "tensor, channel or group", strategy);
  if (!grouped || !Number.isSafeInteger(size)) throw invalid(`${field}.group_size`, "1 or more", size);
  return { bits, symmetric, strategy, groupSize: size };
}

/** The group that names the module, else the one whose pattern fits it, else the one of all linear layers. */
function schemeFor(module: string, groups: readonly CompressedGroup[], invalid: Refuse): CompressedScheme {
  const found =
    groups.find(({ targets }) => targets.includes(module)) ??
    groups.find(({ targets }) => targets.some((target) => target.startsWith("re:") && patternOf(target, invalid).test(module))) ??
    groups.find(({ targets }) => targets.includes("Linear"));
  if (found !== undefined) return found.scheme;
  throw invalid(
    "config_groups",
    `a group whose targets hold ${module}`,
    groups.map(({ targets }) => targets),
  );
}

/** A pattern that matches from the start on. Repeated groups and long chains of repetitions, whose search has no bound, are refused. */
function patternOf(target: string, invalid: Refuse): RegExp {
  const text = target.slice("re:".length);
  const simple = text.length <= 200 && !/\)[*+?{]/.test(text) && (text.match(/[*+{]/g) ?? []).length <= 4;
  try {
    if (simple) return new RegExp(`^(?:${text})`);
  } catch {
    // Refused below.
  }
  throw invalid("config_groups", "patterns of a few repetitions, none of them of a group", target);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}
