/** From a data set's name in a recipe to the token rows of one model. */
import type { Context } from "@pare/core";
import { seenData, type Checkpoint, type SeenData } from "@pare/models";
import { z } from "zod";
import { isDataReference, openData, type DataReference, type Part } from "./data/data.ts";
import { encodeExample, hashExample, type Sequence } from "./encode.ts";
import { dataEmpty, tokenizerIncomplete } from "./errors.ts";
import { subjectOf } from "./subject.ts";

export interface DataOptions {
  /** A data set, or `{ use: "scan", split: "simple" }`. */
  readonly data: DataReference;
  /** Default "train". */
  readonly part?: Part | undefined;
  /** Take at most so many examples, the first ones; default all. */
  readonly examples?: number | undefined;
  /** Tokens kept per example, begin token counted; default: the model's context length, 512 where its config names none. */
  readonly maxTokens?: number | undefined;
}

/** Fields of {@link DataOptions} for a stage's schema. */
export const dataFields: {
  readonly data: z.ZodType<DataReference, DataReference>;
  readonly part: z.ZodDefault<z.ZodEnum<{ train: "train"; test: "test" }>>;
  readonly examples: z.ZodOptional<z.ZodNumber>;
  readonly maxTokens: z.ZodOptional<z.ZodNumber>;
} = {
  data: z.custom<DataReference>(isDataReference, "a data set, or { use: <data set>, … }").describe("what to read: { use: <data set>, … }"),
  part: z.enum(["train", "test"]).default("train"),
  examples: z.int().min(1).optional().describe("take at most so many examples, the first ones"),
  maxTokens: z.int().min(2).optional().describe("tokens kept per example; default: the model's context length"),
};

export interface Prepared {
  readonly sequences: readonly Sequence[];
  /** What a model that trains on them has seen. */
  readonly seen: SeenData;
}

/**
 * Opens the data and encodes it with the model's tokenizer.
 *
 * @throws `core/plugin-unknown`, `training/tokenizer-incomplete`, `training/data-empty`, `training/example-empty`, what the data set throws.
 */
export async function prepareSequences(
  model: Checkpoint,
  { data, part = "train", examples, maxTokens = contextOf(model) }: DataOptions,
  { registry }: Pick<Context, "registry">,
): Promise<Prepared> {
  const { tokenizer } = model;
  if (tokenizer === undefined) throw tokenizerIncomplete({ token: "any" });
  const set = openData(data, registry);
  const taken = (await set.examples(part)).slice(0, examples);
  if (taken.length === 0) throw dataEmpty({ data: set.id, kept: "one example or more", found: "none" });
  const { family } = subjectOf(model, registry).architecture;
  return {
    sequences: taken.map((example) => encodeExample(tokenizer, family, example, maxTokens)),
    seen: seenData(set.id, taken.map(hashExample)),
  };
}

function contextOf({ config }: Checkpoint): number {
  const { contextLength } = config;
  return typeof contextLength === "number" ? contextLength : 512;
}
