/** For tests: a third party's architecture, of which pruning knows nothing. One parallel block whose matrices are fused. */
import { createModel, defineArchitecture, type Architecture, type ArchitecturePlugin, type Checkpoint } from "@pare/models";
import {
  add,
  apply,
  attention,
  concat,
  defineOp,
  linear,
  mul,
  relu,
  reshape,
  rmsNorm,
  rope,
  rows,
  slice,
  type Op,
  type Value,
} from "@pare/tensor-core";
import { letters } from "@pare/training/testing";

export interface FusedConfig {
  readonly architecture: "fused";
  readonly vocabularySize: number;
  readonly width: number;
  readonly heads: number;
  readonly neurons: number;
  readonly [field: string]: unknown;
}

const HEAD = 4;

/** An op that does not say how its axes hang together. */
const mystery: Op<"mystery", "x", never, "y", object> = defineOp({
  name: "mystery",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => ({ y: x }),
  reference: ({ x }) => ({ y: x }),
  cases: () => [],
});

function architecture(between: (x: Value) => Value): Architecture<FusedConfig> {
  const initial = { normal: 0.3 };
  return {
    family: "decoder",
    parse: (raw) => raw as FusedConfig,
    weights: ({ vocabularySize, width, heads, neurons }) => [
      { name: "embedding", shape: [vocabularySize, width], role: "rows", initial },
      { name: "0.norm", shape: [width], role: "norm", initial: "ones" },
      { name: "0.qkv", shape: [3 * heads * HEAD, width], role: "linear", initial },
      { name: "0.up", shape: [2 * neurons, width], role: "linear", initial },
      { name: "0.mix", shape: [width, heads * HEAD + neurons], role: "linear", initial },
    ],
    forward: ({ tracer, weight }, { heads, neurons }, { tokens, positions, lengths }) => {
      const [batch, seq] = tokens.shape;
      let x = tracer.site("embedding", rows(weight("embedding"), tokens), [2]);
      const normed = rmsNorm(x, weight("0.norm"), 1e-5);
      const part = (of: Value, index: number, size: number): Value => slice(of, [0, 0, index * size], [batch, seq, (index + 1) * size]);
      const qkv = linear(normed, weight("0.qkv"));
      const [query, key, value] = [0, 1, 2].map((index) => reshape(part(qkv, index, heads * HEAD), [batch, seq, heads, HEAD]));
      const turned = (one: Value): Value => rope(one, positions, { base: 100, pairing: "half" });
      const keyValueHeads = Array.from({ length: heads }, (_, head) => head);
      const mixed = attention(tracer.site("0.query", turned(query)), turned(key), value, {
        lengths,
        scale: 0.5,
        causal: true,
        keyValueHeads,
      });
      const shown = reshape(tracer.site("0.heads", mixed, [2]), [batch, seq, heads * HEAD]);
      const both = linear(normed, weight("0.up"));
      const hidden = tracer.site("0.neurons", between(mul(relu(part(both, 0, neurons)), part(both, 1, neurons))), [2]);
      x = tracer.site("0", add(x, linear(concat([shown, hidden], 2), weight("0.mix"))), [2]);
      return tracer.site("logits", linear(x, weight("embedding")));
    },
    heads: ({ heads }) => [{ site: "0.heads", headDim: HEAD, keyValueHeads: Array.from({ length: heads }, (_, head) => head) }],
    withHeads: (config, kept) => ({ ...config, heads: kept["0.heads"]?.length ?? config.heads }),
    neurons: ({ neurons }) => [{ site: "0.neurons", neurons }],
    withNeurons: (config, counts) => ({ ...config, neurons: counts["0.neurons"] ?? config.neurons }),
    hidden: ({ width }) => ({ site: "embedding", size: width }),
    withHidden: (config, width) => ({ ...config, width }),
    layers: () => [{ stack: "layers", prefixes: ["0."], input: "embedding" }],
    withLayers: (config) => config,
  };
}

export const fused: ArchitecturePlugin<"fused"> = defineArchitecture(
  "fused",
  "test",
  architecture((x) => x),
);

/** The same with the op that says nothing of itself among its neurons. */
export const closed: ArchitecturePlugin<"fused"> = defineArchitecture(
  "fused",
  "test",
  architecture((x) => apply(mystery, { x }, {}).y),
);

export function fusedModel(): Checkpoint {
  const config: FusedConfig = { architecture: "fused", vocabularySize: 30, width: 8, heads: 2, neurons: 6 };
  return createModel(fused.define, config, { seed: 4, tokenizer: letters });
}
