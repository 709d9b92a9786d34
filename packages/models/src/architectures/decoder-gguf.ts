/** What decoders have alike in GGUF: where weights stand, and the keys of their sizes. */
import { GGUF_FILE, ggufFields, type GgufFields, type GgufFile, type GgufValue } from "@pare/formats";
import type { StoredWeight } from "@pare/tensor-core";
import type { WeightSpec } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { notExpressible } from "../errors.ts";
import { ggufWeight, u32, type GgufSlot } from "../gguf/mapping.ts";
import { ggufProvenance } from "../gguf/provenance.ts";
import { readGgufTokenizer } from "../gguf/read-tokenizer.ts";
import { alike } from "../huggingface/alike.ts";
import type { Imported } from "../imported.ts";
import { countHeads, evenHeads, type BlockConfig, type TransformerLayer } from "./config.ts";

/**
 * Own names → GGUF's, both without `.weight` and `.bias`, and those of a layer without its number. Several weights of one tensor
 * lie in it one under the other, in the order of the table.
 */
export interface GgufNames {
  readonly model: Readonly<Record<string, string>>;
  readonly layer: Readonly<Record<string, string>>;
}

/** `layers.0.attention.query.bias` as layer, name and ending. */
function splitOwn(name: string): { readonly index: string | undefined; readonly part: string; readonly ending: "weight" | "bias" } {
  const [, index, inner = name] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  const bias = inner.endsWith(".bias");
  return { index, part: bias ? inner.slice(0, -".bias".length) : inner, ending: bias ? "bias" : "weight" };
}

/** Every weight in its tensor. @param order rows that are put in another order, by the part of a layer. */
export function ggufSlots(
  weights: readonly WeightSpec[],
  { model, layer }: GgufNames,
  order: (part: string) => readonly number[] | undefined = () => undefined,
): GgufSlot[] {
  const slots = new Map<string, GgufSlot>();
  for (const { name } of weights) {
    const { index, part, ending } = splitOwn(name);
    const tensor = `${index === undefined ? model[part]! : `blk.${index}.${layer[part]!}`}.${ending}`;
    const known = slots.get(tensor);
    slots.set(tensor, { name: tensor, weights: [...(known?.weights ?? []), name], order: order(part) });
  }
  return [...slots.values()];
}

/** The weights of a file by their own names; a tensor that nobody knows keeps its name, and is refused with the others checked. */
export function weightsOfGguf({ tensors, file }: GgufFile, { model, layer }: GgufNames): Map<string, StoredWeight> {
  const weights = new Map<string, StoredWeight>();
  for (const [name, tensor] of tensors) {
    const [, index, inner = name] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? [];
    const [, part, ending] = /^(.+)\.(weight|bias)$/.exec(inner) ?? [];
    const table = index === undefined ? model : layer;
    const owners = Object.keys(table).filter((own) => table[own] === part);
    const rows = tensor.shape[0]! / owners.length;
    if (owners.length === 0 || !Number.isInteger(rows)) weights.set(name, ggufWeight(tensor, file));
    for (const [place, own] of owners.entries()) {
      const full = `${index === undefined ? "" : `layers.${index}.`}${own}${ending === "bias" ? ".bias" : ""}`;
      weights.set(full, ggufWeight(owners.length === 1 ? tensor : tensor.rows(place * rows, (place + 1) * rows), file));
    }
  }
  return weights;
}

export interface EvenLayer {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly feedForward: number;
}

/** What all layers have alike: llama.cpp takes the first layer's numbers for all. Throws `models/not-expressible`. */
export function evenLayer(layers: readonly TransformerLayer[]): EvenLayer {
  const mapping = alike(
    "layers.keyValueHeads",
    layers.map((layer) => layer.keyValueHeads),
    GGUF_FILE,
  );
  const heads = mapping.length;
  const keyValueHeads = countHeads(mapping);
  alike("layers.keyValueHeads", [mapping, evenHeads(heads, keyValueHeads)], GGUF_FILE);
  const feedForward = alike(
    "layers.feedForward",
    layers.map((layer) => layer.feedForward),
    GGUF_FILE,
  );
  if (heads % keyValueHeads !== 0 || heads === 0 || feedForward === 0) {
    const expected = "query heads that share key/value heads evenly, and neurons";
    const found = `${heads} over ${keyValueHeads}, and ${feedForward} neurons`;
    throw notExpressible({ file: GGUF_FILE, field: "layers", expected, found });
  }
  return { heads, keyValueHeads, feedForward };
}

/** Keys of the sizes, without the architecture's prefix. */
export function sizeFields(
  config: BlockConfig & { readonly layers: readonly unknown[] },
  { heads, keyValueHeads, feedForward }: EvenLayer,
): Record<string, GgufValue> {
  return {
    vocab_size: u32(config.vocabularySize),
    context_length: u32(config.contextLength),
    embedding_length: u32(config.hiddenSize),
    block_count: u32(config.layers.length),
    feed_forward_length: u32(feedForward),
    "attention.head_count": u32(heads),
    "attention.head_count_kv": u32(keyValueHeads),
  };
}

/** The sizes of a file of this architecture. */
export interface GgufSizes {
  readonly contextLength: number;
  readonly hiddenSize: number;
  readonly headDim: number;
  readonly layers: readonly TransformerLayer[];
}

/** Throws `formats/gguf-invalid` for sizes that cannot be. */
export function readSizes(content: GgufFile, architecture: string): GgufSizes {
  const fields: GgufFields = ggufFields(content);
  const key = (name: string): string => `${architecture}.${name}`;
  const count = fields.integer(key("block_count"));
  const most = content.tensors.size;
  if (count < 1 || count > most) throw fields.fail(key("block_count"), `1 to ${most}, the number of tensors`, `${count}`);
  const heads = fields.perLayer(key("attention.head_count"), count);
  const keyValue = fields.perLayer(key("attention.head_count_kv"), count, heads[0]);
  const neurons = fields.perLayer(key("feed_forward_length"), count);
  const hiddenSize = fields.integer(key("embedding_length"));
  for (const [layer, number] of heads.entries()) {
    const shared = keyValue[layer]!;
    const even = number >= 1 && number <= 65_536 && shared >= 1 && number % shared === 0;
    if (!even) throw fields.fail(key("attention.head_count_kv"), `a divisor of ${number} heads`, `${shared}`);
  }
  return {
    contextLength: fields.integer(key("context_length")),
    hiddenSize,
    headDim: fields.integer(key("attention.key_length"), Math.floor(hiddenSize / heads[0]!)),
    layers: heads.map((number, layer) => ({ keyValueHeads: evenHeads(number, keyValue[layer]!), feedForward: neurons[layer]! })),
  };
}

/** The model with what else the file carries. */
export function importedGguf(content: GgufFile, config: ModelConfig, weights: ReadonlyMap<string, StoredWeight>): Imported {
  const { file } = content;
  return { config, tensors: new Map(), weights, tokenizer: readGgufTokenizer(content), file, ...ggufProvenance(content) };
}
