/** From a data set's name in a recipe to the token rows of one model. */
import type { Context } from "@pare/core";
import { beginToken, contextOf, headOf, seenData, type Checkpoint, type SeenData } from "@pare/models";
import { z } from "zod";
import { isDataReference, openData, type DataReference, type Example, type Part } from "./data/data.ts";
import { hashExample } from "./encode.ts";
import { dataEmpty, exampleTooLong, tokenizerIncomplete } from "./errors.ts";
import type { Sequence } from "./sequence.ts";
import { subjectOf, type Subject } from "./subject.ts";
import { taskOf } from "./tasks/index.ts";

export interface DataOptions {
  /** A data set, or `{ use: "scan", split: "simple" }`. */
  readonly data: DataReference;
  /** Default "train". */
  readonly part?: Part | undefined;
  /** Take at most so many examples, the first ones; default all. */
  readonly examples?: number | undefined;
  /**
   * Tokens kept per example, marks counted; longer ones are cut. Default: the model's context length, 512 where its config names none,
   * and an encoder's longer examples are refused.
   */
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
 * Opens the data and makes of it what the model's head needs. Without `maxTokens`, what a language model writes is cut to its context,
 * which is told as a warning, and an encoder's examples that are longer are refused.
 *
 * @throws `core/plugin-unknown`, `training/tokenizer-incomplete`, `training/task-unknown`, `training/data-empty`,
 * `training/example-empty`, `training/example-unfit`, `training/example-too-long`, what the data set throws.
 */
export async function prepareSequences(
  model: Checkpoint,
  options: DataOptions,
  { registry, emit }: Pick<Context, "registry" | "emit">,
): Promise<Prepared> {
  const set = openData(options.data, registry);
  const taken = (await set.examples(options.part ?? "train")).slice(0, options.examples);
  if (taken.length === 0) throw dataEmpty({ data: set.id, kept: "one example or more", found: "none" });
  const { sequences, cut, limit } = encodeAll(subjectOf(model, registry), taken, options.maxTokens);
  if (cut > 0) {
    const message = `${cut} of ${taken.length} examples of ${set.id} were cut to the model's ${limit} tokens; maxTokens says so at once`;
    emit({ type: "warning", message });
  }
  return { sequences, seen: seenData(set.id, taken.map(hashExample)) };
}

/** Examples as the rows that a model's head needs; `cut`: of how many a language model reads a part, without having been asked to. */
export function encodeAll(
  subject: Subject,
  examples: readonly Example[],
  maxTokens: number | undefined,
): { readonly sequences: readonly Sequence[]; readonly cut: number; readonly limit: number } {
  const { architecture, checkpoint } = subject;
  const { tokenizer, config } = checkpoint;
  if (tokenizer === undefined) throw tokenizerIncomplete({ token: "any" });
  const task = taskOf(subject);
  const [head, context] = [headOf(architecture, config), contextOf(config)];
  const begin = beginToken(checkpoint, architecture);
  const limit = maxTokens ?? (context === Infinity ? 512 : context);
  let cut = 0;
  const sequences = examples.map((example) => {
    const tooLong = (found: number): void => {
      if (maxTokens !== undefined) return;
      if (task.task !== "next-token") throw exampleTooLong({ found, limit, place: example.place });
      cut++;
    };
    const sequence = task.encode(example, {
      tokenizer,
      begin,
      family: architecture.family,
      head,
      limit: Math.min(limit, context),
      tooLong,
    });
    return example.place === undefined ? sequence : { ...sequence, place: example.place };
  });
  return { sequences, cut, limit };
}
