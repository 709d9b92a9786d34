/** What a model takes: parameters, bytes by storage, work per token, memory while it runs. Reads no weight. */
import type { Registry } from "@pare/core";
import { forwardGraph, type Architecture, type Checkpoint } from "@pare/models";
import { countFlops, planRun, sizeOf, type StoredWeight } from "@pare/tensor-core";

export interface Footprint {
  readonly parameters: number;
  /** Without the tables that are looked up by id: tokens, positions, token types. A table that also gives the logits counts as one. */
  readonly parametersWithoutEmbeddings: number;
  readonly bytes: number;
  /** By storage and element type or bits: `dense f32`, `affine 4-bit`. */
  readonly storages: readonly { readonly storage: string; readonly weights: number; readonly parameters: number; readonly bytes: number }[];
  readonly run: RunFootprint;
}

export interface RunFootprint {
  readonly batch: number;
  /** Tokens of each row; in a model that reads sources, those have as many. */
  readonly seq: number;
  /** Of the forward pass, by its traced graph; a product with its sum counts as two. */
  readonly flopsPerToken: number;
  readonly memory: {
    readonly weights: number;
    /** What lies between the weights: the static plan of the forward pass. */
    readonly arena: number;
    /** Keys and values of a model that generates, for these rows. */
    readonly cache: number;
    readonly total: number;
  };
}

export interface RunSize {
  readonly batch: number;
  /** Default: 128, or the context length where that is less. */
  readonly seq?: number | undefined;
}

export async function footprint(model: Checkpoint, registry: Registry, { batch, seq }: RunSize): Promise<Footprint> {
  const { config, weights } = model;
  const architecture = registry.find("architecture", config.architecture).define as Architecture;
  const sizes = [...weights].map(([name, weight]) => ({ name, weight, parameters: sizeOf(weight.shape) }));
  const tables = new Set(architecture.weights(config).flatMap(({ name, role }) => (role === "rows" ? [name] : [])));
  const sum = (list: readonly { readonly parameters: number }[]): number => list.reduce((total, one) => total + one.parameters, 0);
  const context = typeof config["contextLength"] === "number" ? config["contextLength"] : 128;
  return {
    parameters: sum(sizes),
    parametersWithoutEmbeddings: sum(sizes.filter(({ name }) => !tables.has(name))),
    bytes: sizes.reduce((total, { weight }) => total + weight.bytes, 0),
    storages: byStorage(sizes),
    run: await runFootprint(architecture, model, batch, seq ?? Math.min(128, context)),
  };
}

function byStorage(sizes: readonly { readonly weight: StoredWeight; readonly parameters: number }[]): Footprint["storages"] {
  const groups = new Map<string, { weights: number; parameters: number; bytes: number }>();
  for (const { weight, parameters } of sizes) {
    const key = storageName(weight);
    const group = groups.get(key) ?? { weights: 0, parameters: 0, bytes: 0 };
    groups.set(key, { weights: group.weights + 1, parameters: group.parameters + parameters, bytes: group.bytes + weight.bytes });
  }
  return [...groups].map(([storage, group]) => ({ storage, ...group })).sort((a, b) => b.bytes - a.bytes);
}

/** With what tells two of the same storage apart. */
export function storageName({ storage, parts, descriptor }: StoredWeight): string {
  if (parts["values"] !== undefined && storage === "dense")
    return `dense ${parts["values"].dtype}${parts["mask"] === undefined ? "" : ", masked"}`;
  const { bits } = descriptor;
  return typeof bits === "number" ? `${storage} ${bits}-bit` : storage;
}

async function runFootprint(
  architecture: Architecture,
  { config, weights }: Checkpoint,
  batch: number,
  seq: number,
): Promise<RunFootprint> {
  const graph = forwardGraph(architecture, config);
  const dims = { batch, seq, sourceSeq: seq };
  const { arenaBytes, weightBytes } = await planRun(graph, { dims, weights });
  const caches = architecture.caches?.(config) ?? [];
  const cache = 4 * batch * seq * caches.reduce((total, { heads, headDim }) => total + heads * headDim, 0);
  return {
    batch,
    seq,
    flopsPerToken: Math.round(countFlops(graph, dims) / (batch * seq)),
    memory: { weights: weightBytes, arena: arenaBytes, cache, total: weightBytes + arenaBytes + cache },
  };
}
