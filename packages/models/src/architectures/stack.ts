/** What architectures say of a stack of layers, `<stack>.0` and so on, whatever computes them. */
import type { Architecture, HeadGroup, LayerStack, NeuronGroup } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { keepHeads, type TransformerLayer } from "./config.ts";

/** The removable heads of the attention at `prefix`; none where it has none. */
export function headGroup(headDim: number, prefix: string, keyValueHeads: readonly number[]): HeadGroup[] {
  return keyValueHeads.length === 0 ? [] : [{ site: `${prefix}.heads`, weights: `${prefix}.weights`, headDim, keyValueHeads }];
}

/** The removable neurons of each layer that has a feed-forward part. */
export function neuronGroups(stack: string, layers: readonly TransformerLayer[]): NeuronGroup[] {
  return layers.flatMap(({ feedForward: neurons }, index) =>
    neurons === 0 ? [] : [{ site: `${stack}.${index}.feedForward.neurons`, neurons }],
  );
}

/** See `Architecture.withNeurons`. */
export function resized<Layer extends TransformerLayer>(
  stack: string,
  layers: readonly Layer[],
  counts: Readonly<Record<string, number>>,
): Layer[] {
  return layers.map((layer, index) => ({
    ...layer,
    feedForward: counts[`${stack}.${index}.feedForward.neurons`] ?? layer.feedForward,
  }));
}

export function layerStack(stack: string, layers: readonly TransformerLayer[], input: string): LayerStack {
  return { stack, prefixes: layers.map((_, index) => `${stack}.${index}.`), input };
}

interface OneStack extends ModelConfig {
  readonly headDim: number;
  readonly layers: readonly TransformerLayer[];
}

type StackParts = "heads" | "withHeads" | "neurons" | "withNeurons" | "layers" | "withLayers";

/** The parts of an architecture that speak of layers, where all are one stack of an attention and a feed-forward part each. */
export function oneStack<Config extends OneStack>(): Pick<Architecture<Config>, StackParts> {
  return {
    heads: ({ headDim, layers }) =>
      layers.flatMap(({ keyValueHeads }, index) => headGroup(headDim, `layers.${index}.attention`, keyValueHeads)),
    withHeads: (config, kept) => ({
      ...config,
      layers: config.layers.map((layer, index) => ({
        ...layer,
        keyValueHeads: keepHeads(layer.keyValueHeads, kept[`layers.${index}.attention.heads`]),
      })),
    }),
    neurons: ({ layers }) => neuronGroups("layers", layers),
    withNeurons: (config, counts) => ({ ...config, layers: resized("layers", config.layers, counts) }),
    layers: ({ layers }) => [layerStack("layers", layers, "embedding")],
    withLayers: (config, { layers: kept }) =>
      kept === undefined ? config : { ...config, layers: kept.map((index) => config.layers[index]!) },
  };
}
