/** Tensors of a file become stored weights, checked against their storages and against what the architecture asks for. */
import { isPareError, isPlainObject, nearNames, type Registry } from "@pare/core";
import { parseJson, type NamedTensors } from "@pare/formats";
import type { StorageDefinition, StoredWeight, TensorSource } from "@pare/tensor-core";
import type { Architecture } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { pluginMissing, weightExtra, weightInvalid, weightMissing, weightShapeMismatch } from "../errors.ts";
import { finiteSource } from "./finite.ts";
import { STORAGES_KEY, splitName, tensorName, type StorageEntry } from "./names.ts";

type Plugins = Pick<Registry, "find" | "list">;

/** Weights from plain named tensors and the storages that the metadata names. Reads no data. */
export function weightsFromTensors({ tensors, metadata }: NamedTensors, registry: Plugins, file: string): Map<string, StoredWeight> {
  const storages = storageEntries(metadata[STORAGES_KEY], file);
  const parts = new Map<string, Record<string, TensorSource>>();
  for (const [tensor, source] of tensors) {
    const [weight, part] = splitName(tensor);
    const known = parts.get(weight) ?? {};
    // Of a dense weight `w` and a part `w#values` only one can be meant.
    if (Object.hasOwn(known, part)) throw weightInvalid({ file, field: tensor, expected: "each part once", found: `${part} twice` });
    parts.set(weight, { ...known, [part]: finiteSource(source, file, tensor) });
  }
  for (const weight of storages.keys()) {
    if (!parts.has(weight))
      throw weightMissing({ file, field: weight, expected: "the tensors of a weight that the metadata describes", found: "none" });
  }
  const weights = [...parts].map(
    ([weight, given]) => [weight, loadWeight({ weight, given, entry: storages.get(weight), registry, file, tensors })] as const,
  );
  return new Map(weights);
}

interface WeightGiven {
  readonly weight: string;
  readonly given: Readonly<Record<string, TensorSource>>;
  readonly entry: StorageEntry | undefined;
  readonly registry: Plugins;
  readonly file: string;
  readonly tensors: ReadonlyMap<string, TensorSource>;
}

function loadWeight({ weight, given, entry, registry, file, tensors }: WeightGiven): StoredWeight {
  const { storage, descriptor } = entry ?? { storage: "dense", descriptor: {} };
  const definition = findStorage(registry, storage, weight, file);
  let stored: StoredWeight;
  try {
    stored = definition.load(weight, descriptor, given);
  } catch (error) {
    throw inFile(error, file, weight);
  }
  for (const part of Object.keys(given)) {
    if (stored.parts[part] === undefined || !tensors.has(tensorName(weight, storage, part))) {
      throw weightInvalid({
        file,
        field: `${weight}#${part}`,
        expected: `a part of a ${storage} weight`,
        found: "a part it does not have",
      });
    }
  }
  return storage === "dense" ? stored : namingFile(stored, file, weight);
}

/** What a storage says of its parts, with the file it cannot know. */
function inFile(error: unknown, file: string, weight: string): unknown {
  if (!isPareError(error) || error.report.file !== undefined) return error;
  const { field = weight, expected = "a valid weight", found = error.report.message } = error.report;
  return weightInvalid({ file, field, expected, found, cause: error });
}

/** Storages check the numbers of their parts against each other only when these are read. */
function namingFile(stored: StoredWeight, file: string, weight: string): StoredWeight {
  const named = async <Value>(read: () => Promise<Value>): Promise<Value> => {
    try {
      return await read();
    } catch (error) {
      throw inFile(error, file, weight);
    }
  };
  const parts = Object.entries(stored.parts).map(([part, source]) => [part, { ...source, read: () => named(source.read) }]);
  const { dense, mask, kept } = stored;
  return {
    ...stored,
    parts: Object.fromEntries(parts),
    dense: () => named(dense),
    mask: mask && (() => named(mask)),
    kept: kept && (() => named(kept)),
  };
}

function findStorage(registry: Plugins, id: string, weight: string, file: string): StorageDefinition {
  const plugin = registry.list("storage").find((one) => one.id === id);
  if (plugin !== undefined) return plugin.define as StorageDefinition;
  const near = nearNames(
    id,
    registry.list("storage").map((one) => one.id),
  );
  throw pluginMissing({ file, field: weight, kind: "storage", id, near });
}

function storageEntries(json: string | undefined, file: string): Map<string, StorageEntry> {
  const fail = (field: string, expected: string, found: string): Error => weightInvalid({ file, field, expected, found });
  if (json === undefined) return new Map();
  const field = `__metadata__.${STORAGES_KEY}`;
  const value = parseJson(json, (found) => fail(field, "JSON", found));
  if (!isPlainObject(value)) throw fail(field, "an object", JSON.stringify(value));
  for (const [weight, entry] of Object.entries(value)) {
    if (
      !isPlainObject(entry) ||
      typeof entry["storage"] !== "string" ||
      !isPlainObject(entry["descriptor"]) ||
      Object.keys(entry).length !== 2
    ) {
      throw fail(`${field}.${weight}`, "storage and descriptor", JSON.stringify(entry));
    }
  }
  return new Map(Object.entries(value as Record<string, StorageEntry>));
}

/** Names and shapes are exactly those that the architecture asks for. Throws `models/weight-missing`, `-extra`, `-shape-mismatch`. */
export function checkWeights(
  architecture: Architecture,
  config: ModelConfig,
  weights: ReadonlyMap<string, StoredWeight>,
  file: string,
): void {
  const specs = architecture.weights(config);
  const missing: string[] = [];
  for (const { name, shape } of specs) {
    const stored = weights.get(name);
    if (stored === undefined) missing.push(name);
    else checkShape(name, stored.shape, shape, file);
  }
  const expected = new Set(specs.map(({ name }) => name));
  const extra = [...weights.keys()].find((name) => !expected.has(name));
  if (missing.length > 0) {
    const found = extra === undefined ? "no such tensor" : `no such tensor, but ${extra}`;
    throw weightMissing({
      file,
      field: missing[0]!,
      expected: `a tensor of that name${missing.length > 1 ? ` (and ${missing.length - 1} more)` : ""}`,
      found,
    });
  }
  if (extra !== undefined)
    throw weightExtra({
      file,
      field: extra,
      expected: `${specs.length} weights`,
      found: `${weights.size}`,
      near: nearNames(extra, expected),
    });
}

/** Throws `models/weight-shape-mismatch`. */
export function checkShape(name: string, shape: readonly number[], expected: readonly number[], file: string): void {
  if (shape.join() === expected.join()) return;
  throw weightShapeMismatch({ file, field: name, expected: `[${expected.join(", ")}] by the config`, found: `[${shape.join(", ")}]` });
}
