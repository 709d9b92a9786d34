/** Folders of the transformers and sentence-transformers libraries. */
import type { BesideConfig, HuggingFace, RawConfig, TensorName } from "../../architecture.ts";
import { configInvalid, notExpressible } from "../../errors.ts";
import type { BertConfig } from "./config.ts";
import type { EncoderHead, EncoderVariant, HeadOptions } from "./head.ts";
import type { SentenceEmbeddingOptions } from "./heads/sentence-embedding.ts";
import { readPooling, writePooling } from "./sentence-folder.ts";
import { VARIANTS, variantOf } from "./variants.ts";

/** The folders of a BERT with these heads. */
export function bertFolders(heads: readonly EncoderHead[]): HuggingFace<BertConfig> {
  return {
    modelTypes: VARIANTS.flatMap(({ modelTypes }) => modelTypes),
    read: (raw, file, beside) => read(heads, raw, file, beside),
    write: (config) => write(heads, config),
    names: (config) => names(heads, config),
    base: (config) => variantOf(config).base,
    beside: ({ head, hiddenSize }) =>
      head.task === "sentence-embedding" ? writePooling(head as SentenceEmbeddingOptions, hiddenSize) : {},
    unused: [
      /(^|\.)embeddings\.position_ids$/,
      /(^|\.)embeddings\.token_type_ids$/,
      /(^|\.)pooler\.dense\.(weight|bias)$/,
      /^cls\.seq_relationship\.(weight|bias)$/,
      /^cls\.predictions\.decoder\.(weight|bias)$/,
      /^lm_head\.decoder\.(weight|bias)$/,
      /^vocab_projector\.weight$/,
    ],
  };
}

async function read(heads: readonly EncoderHead[], raw: RawConfig, file: string, beside: BesideConfig): Promise<BertConfig> {
  const variant = VARIANTS.find(({ modelTypes }) => modelTypes.includes(raw["model_type"] as string))!;
  const head = (await readPooling(beside, file)) ?? headFolderOf(heads, raw, file).read(raw, file, variant);
  return { ...variant.read(raw, file), head };
}

/** The head that config.json's `architectures` names; hidden states where it names none. */
export function headFolderOf(heads: readonly EncoderHead[], raw: RawConfig, file: string): NonNullable<EncoderHead["huggingface"]> {
  const { architectures } = raw;
  const name = Array.isArray(architectures) ? (architectures[0] as unknown) : "Model";
  const folders = heads.flatMap(({ huggingface }) => (huggingface === undefined ? [] : [huggingface]));
  const found = folders.find(({ classes }) => typeof name === "string" && classes.some((ending) => name.endsWith(ending)));
  if (found !== undefined) return found;
  throw configInvalid({
    file,
    field: "architectures",
    expected: `a class that ends in ${folders.flatMap(({ classes }) => classes).join(", ")}`,
    found: JSON.stringify(name) ?? "nothing",
  });
}

function write(heads: readonly EncoderHead[], config: BertConfig): RawConfig {
  const variant = variantOf(config);
  const { task } = config.head;
  const folder = heads.find((head) => head.task === task)?.huggingface;
  if (folder === undefined && task !== "sentence-embedding")
    throw notExpressible({ file: "config.json", field: "head.task", expected: "a head of the transformers library", found: task });
  const type = config.huggingface?.["model_type"];
  const ending = folder?.classes[0] ?? "Model";
  const className = classOf(type, config.huggingface?.["architectures"], variant, ending);
  return {
    ...variant.write(config),
    ...folder?.write(config.head, variant),
    model_type: typeof type === "string" && variant.modelTypes.includes(type) ? type : variant.modelTypes[0]!,
    architectures: [className],
  };
}

/** The class that the folder was read with, where the model still is of it: XLMRobertaForMaskedLM stays one. */
function classOf(type: unknown, architectures: unknown, variant: EncoderVariant, ending: string): string {
  const [old] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  const known = type !== undefined && typeof old === "string" && old.endsWith(ending);
  return known ? old : `${variant.className}${ending}`;
}

function names(heads: readonly EncoderHead[], config: BertConfig): TensorName[] {
  const variant = variantOf(config);
  const head = heads.find(({ task }) => task === config.head.task)!;
  // Models without a head lack the base model's prefix.
  const prefix = hasHead(config.head) ? variant.base : "";
  const encoder = Object.entries(variant.names).flatMap(([weight, tensor]) =>
    weight.includes("{i}")
      ? config.layers.flatMap((_, index) => pair(weight.replace("{i}", `${index}`), prefix + tensor.replace("{i}", `${index}`)))
      : pair(weight, prefix + tensor),
  );
  return [...encoder, ...headNames(head.huggingface?.names[variant.className] ?? {})];
}

/** The tensors of a head, by the names of its matrices in a table of a {@link HeadFolder}. */
export function headNames(table: Readonly<Record<string, string>>): TensorName[] {
  return Object.entries(table).flatMap(([weight, tensor]) => {
    if (weight.endsWith(".bias")) {
      // The library has it under the layer's own name as well, and exporters take that one.
      const layer = table[weight.slice(0, -".bias".length)];
      return [{ weight, tensor, aliases: layer === undefined ? undefined : [`${layer}.bias`] }];
    }
    return pair(weight, tensor).filter((name) => name.weight === weight || table[name.weight] === undefined);
  });
}

function hasHead({ task }: HeadOptions): boolean {
  return task !== "features" && task !== "sentence-embedding";
}

/** A weight and its bias; old files call a norm's gamma and beta. */
function pair(weight: string, tensor: string): TensorName[] {
  const old = tensor.endsWith("LayerNorm");
  return [
    { weight, tensor: `${tensor}.weight`, aliases: old ? [`${tensor}.gamma`] : undefined },
    { weight: `${weight}.bias`, tensor: `${tensor}.bias`, aliases: old ? [`${tensor}.beta`] : undefined },
  ];
}
