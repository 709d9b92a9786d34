/** Decoders of the LLaMA kind in GGUF: `llama`, and with Qwen's biases or head norms `qwen2` and `qwen3`. */
import { GGUF_FILE, ggufFields, type GgufFile } from "@pare/formats";
import type { StoredWeight } from "@pare/tensor-core";
import type { WeightSpec } from "../architecture.ts";
import { configInvalid, notExpressible } from "../errors.ts";
import { adjacentPairs, float, halfPairs, isGgufOf, text, u32, type GgufLayout } from "../gguf/mapping.ts";
import type { Imported } from "../imported.ts";
import { evenLayer, ggufSlots, importedGguf, readSizes, sizeFields, weightsOfGguf, type GgufNames } from "./decoder-gguf.ts";
import type { LlamaConfig } from "./llama.ts";

const NAMES: GgufNames = {
  model: { embedding: "token_embd", norm: "output_norm", output: "output" },
  layer: {
    "attention.norm": "attn_norm",
    "attention.query": "attn_q",
    "attention.query.norm": "attn_q_norm",
    "attention.key": "attn_k",
    "attention.key.norm": "attn_k_norm",
    "attention.value": "attn_v",
    "attention.output": "attn_output",
    "feedForward.norm": "ffn_norm",
    "feedForward.gate": "ffn_gate",
    "feedForward.up": "ffn_up",
    "feedForward.down": "ffn_down",
  },
};

type Kind = Pick<LlamaConfig, "ropePairing"> & { readonly biases: NonNullable<LlamaConfig["biases"]>; readonly headNorms: boolean };

/** What each of llama.cpp's architectures computes; which numbers of a head it turns together is fixed for each. */
const KINDS: Readonly<Record<string, Kind>> = {
  llama: { ropePairing: "adjacent", biases: [], headNorms: false },
  qwen2: { ropePairing: "half", biases: ["query", "key", "value"], headNorms: false },
  qwen3: { ropePairing: "half", biases: [], headNorms: true },
};

/** Rows are put into the order of the architecture's own pairs. Throws `models/not-expressible`. */
export function llamaToGguf(config: LlamaConfig, weights: readonly WeightSpec[]): GgufLayout {
  const architecture = kindOf(config);
  const even = evenLayer(config.layers);
  const { headDim, ropePairing } = config;
  const wanted = KINDS[architecture]!.ropePairing;
  const pairs = wanted === "adjacent" ? adjacentPairs : halfPairs;
  const turned: Readonly<Record<string, number>> = { "attention.query": even.heads, "attention.key": even.keyValueHeads };
  const order = (part: string): readonly number[] | undefined =>
    ropePairing === wanted || turned[part] === undefined ? undefined : pairs(turned[part], headDim);
  const factor = linearFactor(config);
  const scaling = factor === undefined ? {} : { "rope.scaling.type": text("linear"), "rope.scaling.factor": float(factor) };
  return {
    architecture,
    fields: {
      ...sizeFields(config, even),
      "attention.key_length": u32(headDim),
      "attention.value_length": u32(headDim),
      "attention.layer_norm_rms_epsilon": float(config.epsilon),
      "rope.dimension_count": u32(headDim),
      "rope.freq_base": float(config.ropeBase),
      ...scaling,
    },
    slots: ggufSlots(weights, NAMES, order),
  };
}

function kindOf({ biases = [], headNorms = false, ropePairing }: LlamaConfig): string {
  const found = Object.keys(KINDS).find(
    (name) => KINDS[name]!.headNorms === headNorms && KINDS[name]!.biases.toSorted().join() === biases.toSorted().join(),
  );
  // Norms of heads lie before the turn: their numbers would have to move along with the rows.
  if (found !== undefined && !(headNorms && ropePairing === "adjacent")) return found;
  throw notExpressible({
    file: GGUF_FILE,
    field: "biases, headNorms",
    expected: "those of llama, qwen2 or qwen3",
    found: `biases of ${biases.join(", ") || "nothing"}, ${headNorms ? `norms of heads with ${ropePairing} pairs` : "no norms of heads"}`,
  });
}

/** What positions are divided by; within the context length, dynamic scaling does nothing. */
function linearFactor({ ropeScaling }: LlamaConfig): number | undefined {
  if (ropeScaling === undefined || ropeScaling.type === "dynamic") return undefined;
  if (ropeScaling.type === "linear") return ropeScaling.factor;
  throw notExpressible({ file: GGUF_FILE, field: "ropeScaling", expected: "none, linear or dynamic", found: ropeScaling.type });
}

/** A GGUF file of one of these architectures; undefined for others. */
export function llamaFromGguf(content: unknown): Imported | undefined {
  const architecture = Object.keys(KINDS).find((name) => isGgufOf(content, name));
  if (architecture === undefined) return undefined;
  const file = content as GgufFile;
  const weights = weightsOfGguf(file, NAMES);
  return importedGguf(file, configOf(file, architecture, weights), weights);
}

function configOf(content: GgufFile, architecture: string, weights: ReadonlyMap<string, StoredWeight>): LlamaConfig {
  const fields = ggufFields(content);
  const sizes = readSizes(content, architecture);
  refuseOthers(content, architecture, sizes.headDim);
  const { ropePairing, biases, headNorms } = KINDS[architecture]!;
  const factor = fields.number(`${architecture}.rope.scaling.factor`, 1);
  return {
    architecture: "llama",
    vocabularySize: weights.get("embedding")?.shape[0] ?? 0,
    ...sizes,
    epsilon: fields.number(`${architecture}.attention.layer_norm_rms_epsilon`),
    ropeBase: fields.number(`${architecture}.rope.freq_base`, 10_000),
    ropePairing,
    ...(biases.length > 0 && { biases }),
    ...(headNorms && { headNorms }),
    ...(fields.string(`${architecture}.rope.scaling.type`, "none") === "linear" &&
      factor !== 1 && { ropeScaling: { type: "linear", factor } }),
    tied: !weights.has("output"),
  };
}

/** Keys that change what is computed, in ways that are not read. Throws `models/config-invalid`. */
function refuseOthers(content: GgufFile, architecture: string, headDim: number): void {
  const fields = ggufFields(content);
  const only = <Value extends string | number>(key: string, allowed: readonly Value[], found: Value): void => {
    if (allowed.includes(found)) return;
    throw configInvalid({ file: content.file, field: `${architecture}.${key}`, expected: allowed.join(" or "), found: `${found}` });
  };
  const integer = (key: string, otherwise: number): number => fields.integer(`${architecture}.${key}`, otherwise);
  only("rope.dimension_count", [headDim], integer("rope.dimension_count", headDim));
  only("attention.value_length", [headDim], integer("attention.value_length", headDim));
  only("rope.scaling.type", ["none", "linear"], fields.string(`${architecture}.rope.scaling.type`, "none"));
  only("rope.scale_linear", [1], fields.number(`${architecture}.rope.scale_linear`, 1));
  only("expert_count", [0], integer("expert_count", 0));
}
