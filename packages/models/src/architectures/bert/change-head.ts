/** Another head on an encoder whose config has a field `head`. */
import type { HeadChange, HeadWanted, RawConfig } from "../../architecture.ts";
import type { ModelConfig } from "../../checkpoint.ts";
import type { EncoderActivation } from "./config.ts";
import type { EncoderHead, FreshVariant, HeadedConfig, HeadOptions } from "./head.ts";

/** Fields of a transformers folder's config.json that speak of the head it came with. */
const HEAD_FIELDS = ["id2label", "label2id", "num_labels", "problem_type", "tie_word_embeddings"];

interface Headed extends ModelConfig, HeadedConfig {
  readonly activation: EncoderActivation;
  readonly head: HeadOptions;
  readonly huggingface?: RawConfig | undefined;
}

/** @param variantOf what the model's kind has between the matrices of its heads. */
export function headChange<Config extends Headed>(
  heads: readonly EncoderHead[],
  variantOf: (config: Config) => Omit<FreshVariant, "activation">,
): HeadChange<Config> {
  const find = (task: string): EncoderHead | undefined => heads.find((head) => head.task === task);
  return {
    config: (config: Config, wanted: HeadWanted): Config => {
      const { huggingface: raw } = config;
      const { pooled, transform } = variantOf(config);
      const head = { ...find(wanted.task)?.fresh?.({ pooled, transform, activation: config.activation }, wanted), ...wanted };
      if (raw === undefined) return { ...config, head };
      const kept = Object.fromEntries(Object.entries(raw).filter(([field]) => !HEAD_FIELDS.includes(field)));
      return { ...config, head, huggingface: kept };
    },
    weights: (config) =>
      find(config.head.task)!
        .weights(config, config.head)
        .map(({ name }) => name),
  };
}
