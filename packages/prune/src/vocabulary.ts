import { defineStage, isPlainObject, type Stage } from "@pare/core";
import { createCheckpoint, keepPieces, seenData, withSeen, type Checkpoint, type ModelConfig } from "@pare/models";
import { dataFields, hashExample, openData, subjectOf, tokenizerIncomplete, type DataOptions, type Example } from "@pare/training";
import { z } from "zod";
import { cutModel, refuseQuantizedAlong } from "./cut-model.ts";
import { dependenciesOf } from "./dependencies.ts";
import { pruningDeed, retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";

const ID = "prune/vocabulary";
const VERSION = 1;

/** Options of {@link vocabulary}. */
export interface VocabularyOptions extends Omit<DataOptions, "maxTokens"> {
  /** A step that trains what is left. */
  readonly retrain?: Retrain | undefined;
}

const { maxTokens: _maxTokens, ...corpusFields } = dataFields;

const options: z.ZodType<VocabularyOptions, VocabularyOptions> = z.object({ ...corpusFields, retrain: retrainField });

/**
 * Keeps the rows of the tokens that a corpus uses, with marks and what the tokenizer cannot do without (`keepPieces`: byte pieces, what
 * merges make on the way), and rewrites the tokenizer so that ids agree. Every weight that the traced graph ties to the vocabulary loses
 * the same rows. Texts of the corpus become the same pieces as before, and the logits of the rows that are left do not change: nothing
 * is lost but words that the corpus lacks (Yang et al., "TextPruner", 2022, section 3.1). Rows that no piece has go too.
 *
 * @throws `training/tokenizer-incomplete` where the model has no tokenizer, `models/text-not-encodable`, `prune/axis-bound`, `prune/config-disagrees`,
 * `prune/quantized-weight`, what the data set throws, and the retraining step.
 */
export const vocabulary: Stage<typeof ID, VocabularyOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { architecture } = subjectOf(model, context.registry);
    if (model.tokenizer === undefined) throw tokenizerIncomplete({ token: "any" });
    const { encode } = model.tokenizer;
    const set = openData(given.data, context.registry);
    const examples = (await set.examples(given.part ?? "train")).slice(0, given.examples);
    const used = new Set(examples.flatMap(textsOf).flatMap((text) => encode(text)));
    const { tokenizer, ids } = keepPieces(model.tokenizer, used);
    const config = renumbered({ ...model.config, vocabularySize: ids.length }, ids);
    context.emit({ type: "metric", name: "pieces kept", pieces: ids.length, of: model.config.vocabularySize });
    const dependencies = dependenciesOf(architecture, model.config);
    const axes = dependencies.resized(config);
    refuseQuantizedAlong(model, dependencies, axes);
    const kept = new Map(axes.map((axis) => [axis, ids]));
    const deed = pruningDeed(ID, VERSION, given, context);
    const cut = await cutModel({ model, architecture, dependencies, kept, config, deed, context });
    const pruned = withSeen(createCheckpoint({ ...cut, tokenizer }), [seenData(set.id, examples.map(hashExample))]);
    return { model: await retrained(pruned, state, given.retrain, context) };
  },
});

/** All that a model may read or write of an example. */
function textsOf({ source, target, wanted }: Example): string[] {
  const choices = wanted !== undefined && "choices" in wanted ? wanted.choices : [];
  return [...(source === undefined ? [] : [source]), target, ...choices];
}

/** Ids of marks that config.json of a transformers folder holds: `bos_token_id`, `decoder_start_token_id`. */
function renumbered(config: ModelConfig, ids: readonly number[]): ModelConfig {
  const { huggingface } = config;
  if (!isPlainObject(huggingface)) return config;
  const now = (id: unknown): unknown => (typeof id === "number" && ids.includes(id) ? ids.indexOf(id) : undefined);
  const entries = Object.entries(huggingface).map(([name, value]): [string, unknown] => {
    if (!/_token_ids?$/.test(name) || value === null) return [name, value];
    return [name, Array.isArray(value) ? value.map(now).filter((id) => id !== undefined) : now(value)];
  });
  return { ...config, huggingface: Object.fromEntries(entries.filter(([, value]) => value !== undefined)) };
}
