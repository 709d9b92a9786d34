/** The two teachers: shipped with the package as its own recipe made them, or trained again. */
import { resolveStep, runSteps, type Context, type FileSet, type RunOptions, type RunRecord } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { scanWords } from "@pare/eval-suites";
import {
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  loadCheckpoint,
  wordTokenizer,
  type Checkpoint,
  type ModelConfig,
  type Tokenizer,
} from "@pare/models";
import { fileURLToPath } from "node:url";
import type { TeacherRecipe } from "./recipes.ts";

/** Reads the words of SCAN, commands and actions. */
export function scanTokenizer(): Tokenizer {
  return wordTokenizer(scanWords());
}

/** A model with fresh weights that reads SCAN. */
export function freshModel(config: ModelConfig, seed: number, tokenizer: Tokenizer): Checkpoint {
  return createModel(encoderDecoder.define, config, { seed, tokenizer });
}

export interface Teacher {
  readonly model: Checkpoint;
  /** Of its training; absent for one that was loaded. */
  readonly record?: RunRecord | undefined;
}

export async function trainTeacher({ shape, seed, steps }: TeacherRecipe, run: RunOptions): Promise<Teacher> {
  const tokenizer = scanTokenizer();
  const model = freshModel(encoderDecoderConfig({ ...shape, vocabularySize: tokenizer.vocabularySize }), seed, tokenizer);
  const { state, record } = await runSteps({
    ...run,
    steps: steps.map((step) => resolveStep(run.registry!, step)),
    state: { model },
    seed,
    config: { command: "quickstart", steps },
  });
  return { model: state["model"] as Checkpoint, record };
}

/** The folder of a teacher inside the package. */
export function shippedTeacher(name: string): FileSet {
  return folderFiles(fileURLToPath(new URL(`../../assets/teachers/${name}`, import.meta.url)));
}

export function loadTeacher({ name }: TeacherRecipe, { registry }: Pick<Context, "registry">): Promise<Checkpoint> {
  return loadCheckpoint(shippedTeacher(name), registry);
}
