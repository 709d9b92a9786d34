/** What all decoders of this package are: an embedding, layers of attention and feed-forward branches, a norm and logits. */
import type { Value } from "@pare/tensor-core";
import type { Architecture, DecodeInputs, ModelScope, WeightSpec } from "../architecture.ts";
import {
  attentionWeights,
  cacheSpecs,
  embeddingOf,
  feedForward,
  feedForwardWeights,
  logits,
  normWeights,
  selfAttention,
  vocabularyWeights,
  writeCaches,
  type Blocks,
  type KeyValue,
  type Visibility,
} from "./blocks.ts";
import { countHeads, type BlockConfig, type TransformerLayer } from "./config.ts";
import { oneStack } from "./stack.ts";

export interface DecoderConfig extends BlockConfig {
  readonly layers: readonly TransformerLayer[];
}

/** What tells one kind of decoder from another. */
export interface DecoderKind<Config extends DecoderConfig> {
  readonly parse: (raw: unknown, file: string) => Config;
  readonly style: (config: Config) => Blocks["style"];
  /** What the first layer reads, of tokens and positions `[batch, seq]`. */
  readonly embed: (scope: ModelScope, config: Config, tokens: Value, positions: Value) => Value;
  /** Weights that `embed` reads besides `embedding`. */
  readonly embeddingWeights?: ((config: Config) => readonly WeightSpec[]) | undefined;
}

type Parts<Config extends DecoderConfig> = Omit<Architecture<Config>, "imports" | "huggingface">;

interface Run extends Visibility {
  readonly tokens: Value;
  readonly positions: Value;
  readonly extend?: ((prefix: string, heads: number, fresh: KeyValue) => KeyValue) | undefined;
}

/** The computation and the structure of a kind of decoder. */
export function decoderArchitecture<Config extends DecoderConfig>(kind: DecoderKind<Config>): Parts<Config> {
  const blocks = (config: Config): Blocks => ({ config, style: kind.style(config) });
  const run = (scope: ModelScope, config: Config, { tokens, positions, extend, ...visibility }: Run): Value => {
    const at = { scope, ...blocks(config) };
    let x = scope.tracer.site("embedding", kind.embed(scope, config, tokens, positions), [2]);
    for (const [index, layer] of config.layers.entries()) {
      const prefix = `layers.${index}.attention`;
      x = selfAttention(at, x, {
        ...visibility,
        prefix,
        positions,
        keyValueHeads: layer.keyValueHeads,
        extend: extend && ((fresh) => extend(prefix, countHeads(layer.keyValueHeads), fresh)),
      });
      x = scope.tracer.site(`layers.${index}`, feedForward(at, x, `layers.${index}.feedForward`, layer.feedForward), [2]);
    }
    return logits(at, x, "norm");
  };
  const decode = (scope: ModelScope, config: Config, { tokens, positions, starts, lengths, batch, capacity }: DecodeInputs): Value =>
    run(scope, config, {
      tokens,
      positions,
      lengths,
      starts,
      causal: true,
      extend: (prefix, heads, fresh) => writeCaches({ scope, ...blocks(config) }, prefix, fresh, { starts, batch, capacity, heads }),
    });
  return {
    family: "decoder",
    parse: kind.parse,
    weights: (config) => [
      ...vocabularyWeights(config),
      ...(kind.embeddingWeights?.(config) ?? []),
      ...config.layers.flatMap((layer, index) => [
        ...attentionWeights(blocks(config), `layers.${index}.attention`, layer.keyValueHeads, 2 * config.layers.length),
        ...feedForwardWeights(blocks(config), `layers.${index}.feedForward`, layer.feedForward, 2 * config.layers.length),
      ]),
      ...normWeights(blocks(config), "norm"),
    ],
    forward: (scope, config, { tokens, positions, lengths }) => run(scope, config, { tokens, positions, lengths, causal: true }),
    decode,
    caches: (config) =>
      config.layers.flatMap((layer, index) => cacheSpecs(config, `layers.${index}.attention`, layer.keyValueHeads, false)),
    ...oneStack<Config>(),
    hidden: ({ hiddenSize }) => ({ site: "embedding", size: hiddenSize }),
    withHidden: (config, hiddenSize) => ({ ...config, hiddenSize }),
    embedding: embeddingOf,
    withEmbedding: (config, embeddingSize) => ({ ...config, embeddingSize }),
  };
}
