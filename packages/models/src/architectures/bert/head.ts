/** A head is a value: what stands on an encoder's hidden states, its weights, and how transformers names them. */
import type { Value } from "@pare/tensor-core";
import type { z } from "zod";
import type { Head, ModelScope, RawConfig, WeightSpec } from "../../architecture.ts";
import type { BertConfig, EncoderActivation, EncoderConfig } from "./config.ts";

/** `config.head`: the task, and what its head says besides. */
export interface HeadOptions {
  readonly task: string;
  readonly [field: string]: unknown;
}

/** What a head may ask of the model it stands on. */
export type HeadedConfig = Pick<BertConfig, "vocabularySize" | "hiddenSize" | "embeddingSize" | "epsilon">;

/** What a head may use. */
export interface HeadScope {
  readonly scope: ModelScope;
  readonly config: HeadedConfig;
  /** i32 `[batch, seq]` from 0, and `[batch]`; absent: all tokens are there. */
  readonly positions: Value;
  readonly lengths?: Value | undefined;
}

export interface EncoderHead<Options extends HeadOptions = HeadOptions> {
  readonly task: Options["task"];
  /** Of `config.head`, `task` among them. */
  readonly options: z.ZodType<Options>;
  /** What a fresh head has where nobody says otherwise; `given`: what they do say. */
  readonly fresh?: ((variant: FreshVariant, given: Readonly<Record<string, unknown>>) => Partial<Options>) | undefined;
  readonly describe: (config: HeadedConfig, options: Options) => Omit<Head, "task">;
  readonly weights: (config: HeadedConfig, options: Options) => readonly WeightSpec[];
  /** From hidden states `[batch, seq, hidden]` to what {@link describe} says. */
  readonly forward: (at: HeadScope, hidden: Value, options: Options) => Value;
  /** Absent: transformers has no such head. */
  readonly huggingface?: HeadFolder<Options> | undefined;
}

/** How a head stands in a transformers folder. */
export interface HeadFolder<Options extends HeadOptions> {
  /** Endings of the classes named in `architectures`: ForMaskedLM. The first is written. */
  readonly classes: readonly string[];
  /** Throws `models/config-invalid`. */
  readonly read: (raw: RawConfig, file: string, variant: HeadVariant) => Options;
  /** Fields of config.json beside those of the encoder. Throws `models/not-expressible`. */
  readonly write: (options: Options, variant: HeadVariant) => RawConfig;
  /** By the variant's class name, the tensor of each of the head's weights, `.weight` and `.bias` left out. */
  readonly names: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What a model of transformers decides of its heads. */
export interface HeadVariant {
  /** What its pooled heads put between their matrices. */
  readonly pooled: EncoderActivation;
  /** What its masked-token head puts there; undefined: what the encoder has. */
  readonly transform?: EncoderActivation | undefined;
  readonly read: (raw: RawConfig, file: string) => Pick<EncoderConfig, "activation">;
}

/** What a fresh head takes from the model it is put on. */
export interface FreshVariant extends Pick<HeadVariant, "pooled" | "transform"> {
  /** The encoder's. */
  readonly activation: EncoderActivation;
}

/** One of the models of transformers that this architecture is. */
export interface EncoderVariant extends HeadVariant {
  readonly modelTypes: readonly string[];
  /** "Bert": its classes are BertModel, BertForMaskedLM. */
  readonly className: string;
  /** "bert." */
  readonly base: string;
  readonly read: (raw: RawConfig, file: string) => EncoderConfig;
  readonly write: (config: BertConfig) => RawConfig;
  /** The tensor of each of the encoder's weights, `.weight` and `.bias` left out; `{i}` stands for the number of the layer. */
  readonly names: Readonly<Record<string, string>>;
}
