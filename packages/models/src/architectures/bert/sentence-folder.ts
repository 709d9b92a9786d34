/** What a sentence-transformers folder says beside the encoder: how tokens become one vector. */
import { isPlainObject } from "@pare/core";
import type { BesideConfig } from "../../architecture.ts";
import { configInvalid } from "../../errors.ts";
import type { SentenceEmbeddingOptions } from "./heads/sentence-embedding.ts";

const MODULES = "modules.json";
const POOLING = "1_Pooling";
const LIMITS = "sentence_bert_config.json";

/** `pooling_mode_…` of the pooling module that are computed here. */
const MODES: Readonly<Record<string, SentenceEmbeddingOptions["pooling"]>> = {
  pooling_mode_mean_tokens: "mean",
  pooling_mode_cls_token: "first",
};

/** The head that `modules.json` and its pooling say; undefined in a folder without. Throws `models/config-invalid` for other modules. */
export async function readPooling(beside: BesideConfig, file: string): Promise<SentenceEmbeddingOptions | undefined> {
  const modules = await beside(MODULES);
  if (modules === undefined) return undefined;
  const inFolder = (name: string): string => file.replace(/[^/]*$/, name);
  const fail = (name: string, field: string, expected: string, found: unknown): Error =>
    configInvalid({ file: inFolder(name), field, expected, found: (JSON.stringify(found) ?? "nothing").slice(0, 80) });
  if (!Array.isArray(modules)) throw fail(MODULES, "modules", "a list", modules);
  const kinds = modules.map((module: unknown, index) => {
    const type = isPlainObject(module) ? module["type"] : undefined;
    if (typeof type !== "string") throw fail(MODULES, `[${index}].type`, "the name of a module", module);
    return type.split(".").at(-1)!;
  });
  const [first, second, third, ...others] = kinds;
  if (first !== "Transformer" || second !== "Pooling" || others.length > 0 || (third !== undefined && third !== "Normalize"))
    throw fail(MODULES, "modules", "Transformer, Pooling and, at most, Normalize", kinds);
  const path = (modules[1] as { readonly path?: unknown }).path;
  const name = `${typeof path === "string" && path !== "" ? path : POOLING}/config.json`;
  const pooling = poolingOf(await beside(name), (field, expected, found) => fail(name, field, expected, found));
  const limits = await beside(LIMITS);
  const limit = isPlainObject(limits) ? limits["max_seq_length"] : undefined;
  if (limit !== undefined && limit !== null && !(Number.isInteger(limit) && (limit as number) > 0))
    throw fail(LIMITS, "max_seq_length", "a number of tokens", limit);
  return {
    task: "sentence-embedding",
    pooling,
    normalise: third === "Normalize",
    ...(typeof limit === "number" ? { maxTokens: limit } : {}),
  };
}

function poolingOf(config: unknown, fail: (field: string, expected: string, found: unknown) => Error): SentenceEmbeddingOptions["pooling"] {
  if (!isPlainObject(config)) throw fail("pooling", "an object", config);
  // Newer files name the mode once; older ones have a switch for each.
  const named = typeof config["pooling_mode"] === "string" ? [`pooling_mode_${config["pooling_mode"]}`] : [];
  const switched = Object.keys(config).filter((key) => key.startsWith("pooling_mode_") && config[key] === true);
  const chosen = [...named, ...switched].map((key) =>
    key.replace(/_(mean|cls)$/, (_, mode: string) => `_${mode}_token${mode === "mean" ? "s" : ""}`),
  );
  const [mode, ...more] = chosen;
  const pooling = mode === undefined ? undefined : MODES[mode];
  if (pooling === undefined || more.length > 0) throw fail("pooling_mode", Object.keys(MODES).join(" or "), chosen);
  return pooling;
}

/** The files of {@link readPooling}. */
export function writePooling({ pooling, normalise, maxTokens }: SentenceEmbeddingOptions, width: number): Record<string, unknown> {
  const module = (idx: number, name: string, path: string): object => ({
    idx,
    name: `${idx}`,
    path,
    type: `sentence_transformers.models.${name}`,
  });
  const modules = [module(0, "Transformer", ""), module(1, "Pooling", POOLING)];
  const modes = Object.fromEntries(Object.entries(MODES).map(([mode, one]) => [mode, one === pooling]));
  return {
    [MODULES]: normalise ? [...modules, module(2, "Normalize", "2_Normalize")] : modules,
    [`${POOLING}/config.json`]: { word_embedding_dimension: width, ...modes, pooling_mode_max_tokens: false },
    ...(maxTokens === undefined ? {} : { [LIMITS]: { max_seq_length: maxTokens, do_lower_case: false } }),
  };
}
