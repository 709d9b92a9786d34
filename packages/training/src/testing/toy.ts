/** For tests of stages: the smallest transformer that has everything they act on, a decoder whose layers share key/value heads. */
import { createRegistry, type AnyPlugin, type Context, type Registry, type RunEvent } from "@pare/core";
import {
  attentionMap,
  createModel,
  defineArchitecture,
  forwardGraph,
  padRows,
  withWeights,
  type Architecture,
  type ArchitecturePlugin,
  type Checkpoint,
  type ForwardInputs,
  type ModelConfig,
  type ModelScope,
  type Tokenizer,
} from "@pare/models";
import {
  add,
  affineOf,
  attention,
  compile,
  createStore,
  f32,
  linear,
  openReference,
  reshape,
  rmsNorm,
  rows,
  type Compiled,
  type HostTensor,
  type SiteRequests,
  type Value,
} from "@pare/tensor-core";
import { textData } from "../data/text.ts";
import { nextTokenObjective } from "../objectives/next-token.ts";

export interface ToyConfig extends ModelConfig {
  readonly width: number;
  readonly headDim: number;
  /** By layer: the key/value head of each query head. */
  readonly heads: readonly (readonly number[])[];
}

const names = (layer: number) => ({
  site: `layers.${layer}.heads`,
  weights: `layers.${layer}.weights`,
  query: `layers.${layer}.query`,
  key: `layers.${layer}.key`,
  value: `layers.${layer}.value`,
  output: `layers.${layer}.output`,
});

const toy: Architecture<ToyConfig> = {
  family: "decoder",
  parse: (raw) => raw as ToyConfig,
  weights: ({ vocabularySize, width, headDim, heads }) => {
    const initial = { normal: 0.3 };
    return [
      { name: "embedding", shape: [vocabularySize, width], role: "rows", initial },
      ...heads.flatMap((reads, layer) => {
        const { query, key, value, output } = names(layer);
        const [q, k] = [reads.length * headDim, new Set(reads).size * headDim];
        return [
          { name: query, shape: [q, width], role: "linear", initial } as const,
          { name: key, shape: [k, width], role: "linear", initial } as const,
          { name: value, shape: [k, width], role: "linear", initial } as const,
          { name: output, shape: [width, q], role: "linear", initial } as const,
        ];
      }),
      { name: "norm", shape: [width], role: "norm", initial: "ones" },
    ];
  },
  forward: (scope, config, inputs) => {
    let x = scope.tracer.site("embedding", rows(scope.weight("embedding"), inputs.tokens), [2]);
    config.heads.forEach((_, layer) => (x = scope.tracer.site(`layers.${layer}`, add(x, attend(scope, config, layer, x, inputs)), [2])));
    return linear(rmsNorm(x, scope.weight("norm"), 1e-5), scope.weight("embedding"));
  },
  decode: () => {
    throw new Error("the toy does not decode");
  },
  caches: () => [],
  heads: ({ heads, headDim }) =>
    heads.map((keyValueHeads, layer) => ({ site: names(layer).site, weights: names(layer).weights, headDim, keyValueHeads })),
  withHeads: (config, kept) => ({
    ...config,
    heads: config.heads.map((reads, layer) => {
      const left = kept[names(layer).site]?.map((head) => reads[head]) ?? reads;
      const used = [...new Set(left)].sort((a, b) => a - b);
      return left.map((head) => used.indexOf(head));
    }),
  }),
  neurons: () => [],
  withNeurons: (config) => config,
  hidden: ({ width }) => ({ site: "embedding", size: width }),
  withHidden: (config, width) => ({ ...config, width }),
  layers: ({ heads }) => [{ stack: "layers", prefixes: heads.map((_, layer) => `layers.${layer}.`), input: "embedding" }],
  withLayers: (config, { layers = config.heads.map((_, layer) => layer) }) => ({
    ...config,
    heads: layers.map((layer) => config.heads[layer]),
  }),
};

function attend(scope: ModelScope, { headDim, heads }: ToyConfig, layer: number, x: Value, { positions, lengths }: ForwardInputs): Value {
  const { site, weights, query, key, value, output } = names(layer);
  const [batch, seq] = x.shape;
  const project = (name: string, input: Value): Value => linear(scope.tracer.site(`${name}.input`, input), scope.weight(name));
  const split = (name: string, count: number): Value => reshape(project(name, x), [batch, seq, count, headDim]);
  const groups = new Set(heads[layer]).size;
  const options = { lengths, scale: headDim ** -0.5, causal: true, keyValueHeads: heads[layer] };
  const [queries, keys] = [split(query, heads[layer].length), split(key, groups)];
  const y = attention(queries, keys, split(value, groups), options);
  scope.tracer.observe(weights, () => attentionMap(queries, keys, { ...options, positions: { query: positions, key: positions } }));
  return project(output, reshape(scope.tracer.site(site, y, [2]), [batch, seq, heads[layer].length * headDim]));
}

export const toyArchitecture: ArchitecturePlugin<"toy"> = defineArchitecture("toy", "test", toy);

/** a–z are 3–28, everything else 29. */
export const letters: Tokenizer = {
  vocabularySize: 30,
  special: { begin: 1, end: 2, padding: 0 },
  encode: (text) => Array.from(text, (letter) => (/[a-z]/.test(letter) ? letter.charCodeAt(0) - 94 : 29)),
  locate: (text) => ({ ids: letters.encode(text), spans: Array.from(text, (_, at) => [at, at + 1] as const) }),
  frame: (first, second) => ({
    ids: [1, ...first, 2, ...(second ?? [])],
    tokenTypes: [...first, 1, 2].map(() => 0).concat((second ?? []).map(() => 1)),
    starts: second === undefined ? [1] : [1, first.length + 2],
  }),
  decode: (ids) =>
    ids
      .filter((id) => id > 2)
      .map((id) => (id === 29 ? " " : String.fromCharCode(id + 94)))
      .join(""),
  toJSON: () => ({ letters: true }),
  toConfig: () => ({}),
};

/** A model of that architecture with fresh weights. */
export function toyModel(config: Partial<ToyConfig> = {}, seed: number = 1): Checkpoint {
  const full: ToyConfig = {
    architecture: "toy",
    vocabularySize: 30,
    width: 16,
    headDim: 4,
    heads: [
      [0, 0, 1, 1],
      [0, 0, 1, 1],
    ],
    ...config,
  };
  return createModel(toyArchitecture.define, full, { seed, tokenizer: letters });
}

export const TEXT: string = Array.from({ length: 24 }, (_, i) => "abcdefghijklmnopqrstuvwxyz".repeat(2).slice(i, i + 6 + (i % 7))).join(
  "\n",
);

/** Names `TEXT`, one line an example. */
export const LINES: { readonly use: "text"; readonly text: string; readonly separator: string } = {
  use: "text",
  text: TEXT,
  separator: "\\n",
};

export interface ToyContext extends Context {
  readonly events: readonly RunEvent[];
}

export interface ToyContextOptions extends Pick<Partial<Context>, "seed" | "signal" | "scratch"> {
  readonly plugins?: readonly AnyPlugin[] | undefined;
  /** After the first event of which this is true the run is aborted, with the error "cut off". */
  readonly cutOff?: ((event: RunEvent) => boolean) | undefined;
}

/** A context over the reference device that keeps the events it is told. */
export async function toyContext(options: ToyContextOptions = {}): Promise<ToyContext> {
  const events: RunEvent[] = [];
  const registry = createRegistry(toyArchitecture, textData(), nextTokenObjective, ...(options.plugins ?? [])) as unknown as Registry;
  const stop = new AbortController();
  const { seed = 5, signal = stop.signal, scratch, cutOff } = options;
  const emit = (event: RunEvent): void => {
    events.push(event);
    if (cutOff?.(event) === true) stop.abort(new Error("cut off"));
  };
  return { seed, signal, scratch, registry, device: openReference(), emit, events };
}

/** Logits `[1, tokens, vocabulary]` of one row, on the reference device. */
export async function logitsOf(model: Checkpoint, tokens: readonly number[]): Promise<Float32Array> {
  const { logits } = await outputsOf(toyArchitecture.define, model, padRows([tokens]));
  return logits.data as Float32Array;
}

/** What one run of a model gives on the reference device: its outputs, and the taps of `sites`. */
export async function outputsOf(
  architecture: Architecture,
  { config, weights }: Checkpoint,
  inputs: Parameters<Compiled["run"]>[0],
  sites: SiteRequests = {},
): Promise<Record<string, HostTensor>> {
  const store = createStore(openReference(), { weights });
  const outputs = await compile(forwardGraph(architecture, config, undefined, { sites }), { store }).run(inputs);
  await store.dispose();
  return outputs;
}

/** The model with one weight stored as int8 codes of zeros. */
export function withQuantized(model: Checkpoint, name: string): Checkpoint {
  const [out, features] = model.weights.get(name)!.shape as [number, number];
  const codes: HostTensor = { dtype: "u8", shape: [out, features], data: new Uint8Array(out * features).fill(128) };
  return withWeights(model, [[name, affineOf({ shape: [out, features], bits: 8, groupSize: features, codes, scales: f32([out, 1]) })]]);
}
