/** The encoder that all heads stand on: hidden states `[batch, seq, hidden]` of tokens. */
import { add, attention, reshape, rows, type Value } from "@pare/tensor-core";
import type { ForwardInputs, ModelScope, WeightSpec } from "../../architecture.ts";
import { attentionMap } from "../attention-map.ts";
import { embedTokens } from "../blocks.ts";
import type { TransformerLayer } from "../config.ts";
import { countHeads } from "../config.ts";
import type { BertConfig } from "./config.ts";
import { activate, biasOf, biasWeight, dense, denseWeights, linearWeight, norm, normWeights, rowsWeight } from "./parts.ts";

interface At {
  readonly scope: ModelScope;
  readonly config: BertConfig;
}

/**
 * What the layers make of tokens. Sites: `embedding`, for each layer `layers.<i>.attention.weights` (shown only), `….attention.heads`
 * (gate axis 2), `….attention`, `….feedForward.neurons` (gate axis 2), `….feedForward` and the layer itself.
 */
export function encode(scope: ModelScope, config: BertConfig, inputs: ForwardInputs): Value {
  const at = { scope, config };
  let x = scope.tracer.site("embedding", embed(at, inputs), [2]);
  for (const [index, layer] of config.layers.entries()) {
    const prefix = `layers.${index}`;
    x = norm(at, `${prefix}.attention.norm`, add(x, attend(at, `${prefix}.attention`, layer.keyValueHeads, x, inputs)));
    x = norm(at, `${prefix}.feedForward.norm`, add(x, feedForward(at, `${prefix}.feedForward`, layer.feedForward, x)));
    x = scope.tracer.site(prefix, x, [2]);
  }
  return x;
}

function embed(at: At, { tokens, positions, extra = {} }: ForwardInputs): Value {
  const { scope, config } = at;
  const places = config.positionOffset === 0 ? positions : add(positions, config.positionOffset);
  let x = add(embedTokens(scope, config, tokens), rows(scope.weight("embedding.positions"), places));
  if (config.tokenTypes > 1) x = add(x, rows(scope.weight("embedding.tokenTypes"), extra["tokenTypes"]!));
  if (config.tokenTypes === 1) x = add(x, reshape(scope.weight("embedding.tokenTypes"), [1, 1, config.hiddenSize]));
  return norm(at, "embedding.norm", x);
}

/** Attention of x over itself, without the residual. A layer without heads gives the bias of its output matrix, as one whose heads are shut does. */
function attend({ scope, config }: At, prefix: string, keyValueHeads: readonly number[], x: Value, inputs: ForwardInputs): Value {
  const { tracer } = scope;
  const { headDim } = config;
  const [batch, seq] = x.shape as [Value["shape"][number], Value["shape"][number]];
  const count = keyValueHeads.length;
  if (count === 0) return tracer.site(prefix, reshape(scope.weight(biasOf(`${prefix}.output`)), [1, 1, config.hiddenSize]));
  const split = (name: string, heads: number): Value => reshape(dense(scope, `${prefix}.${name}`, x), [batch, seq, heads, headDim]);
  const query = split("query", count);
  const [key, value] = [split("key", countHeads(keyValueHeads)), split("value", countHeads(keyValueHeads))];
  const options = { lengths: inputs.lengths, scale: 1 / Math.sqrt(headDim), causal: false, keyValueHeads };
  const positions = { query: inputs.positions, key: inputs.positions };
  tracer.observe(`${prefix}.weights`, () => attentionMap(query, key, { ...options, positions }));
  const heads = tracer.site(`${prefix}.heads`, attention(query, key, value, options), [2]);
  return tracer.site(prefix, dense(scope, `${prefix}.output`, reshape(heads, [batch, seq, count * headDim])));
}

/** The feed-forward branch without the residual. Without neurons: the bias of its output matrix. */
export function feedForward(
  { scope, config }: { readonly scope: ModelScope; readonly config: Pick<BertConfig, "activation" | "hiddenSize"> },
  prefix: string,
  neurons: number,
  x: Value,
): Value {
  const { tracer } = scope;
  if (neurons === 0) return tracer.site(prefix, reshape(scope.weight(biasOf(`${prefix}.down`)), [1, 1, config.hiddenSize]));
  const hidden = activate(config.activation, dense(scope, `${prefix}.up`, x));
  return tracer.site(prefix, dense(scope, `${prefix}.down`, tracer.site(`${prefix}.neurons`, hidden, [2])));
}

/** Weights of {@link feedForward} and of the norm after it. */
export function feedForwardWeights(prefix: string, hiddenSize: number, neurons: number): WeightSpec[] {
  const down = `${prefix}.down`;
  return [
    ...(neurons === 0
      ? [biasWeight(down, hiddenSize)]
      : [...denseWeights(`${prefix}.up`, neurons, hiddenSize), ...denseWeights(down, hiddenSize, neurons)]),
    ...normWeights(`${prefix}.norm`, hiddenSize),
  ];
}

export function encoderWeights(config: BertConfig): WeightSpec[] {
  const { vocabularySize, contextLength, positionOffset, tokenTypes, hiddenSize, embeddingSize } = config;
  return [
    rowsWeight("embedding", vocabularySize, embeddingSize ?? hiddenSize),
    ...(embeddingSize === undefined ? [] : [linearWeight("embedding.projection", hiddenSize, embeddingSize)]),
    rowsWeight("embedding.positions", contextLength + positionOffset, hiddenSize),
    ...(tokenTypes === 0 ? [] : [rowsWeight("embedding.tokenTypes", tokenTypes, hiddenSize)]),
    ...normWeights("embedding.norm", hiddenSize),
    ...config.layers.flatMap((layer, index) => layerWeights(config, `layers.${index}`, layer)),
  ];
}

function layerWeights(
  { hiddenSize, headDim }: BertConfig,
  prefix: string,
  { keyValueHeads, feedForward: neurons }: TransformerLayer,
): WeightSpec[] {
  const [width, keyValueWidth] = [keyValueHeads.length * headDim, countHeads(keyValueHeads) * headDim];
  const attentionAt = `${prefix}.attention`;
  const output = `${attentionAt}.output`;
  return [
    ...(width === 0
      ? [biasWeight(output, hiddenSize)]
      : [
          ...denseWeights(`${attentionAt}.query`, width, hiddenSize),
          ...denseWeights(`${attentionAt}.key`, keyValueWidth, hiddenSize),
          ...denseWeights(`${attentionAt}.value`, keyValueWidth, hiddenSize),
          ...denseWeights(output, hiddenSize, width),
        ]),
    ...normWeights(`${attentionAt}.norm`, hiddenSize),
    ...feedForwardWeights(`${prefix}.feedForward`, hiddenSize, neurons),
  ];
}
