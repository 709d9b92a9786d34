/** The two teachers: shipped with the package as its own recipe made them, or trained again. */
import { resolveStep, runSteps, type Context, type FileSet, type RunOptions } from "@pare/core";
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

export type TeacherRun = Pick<RunOptions, "signal" | "registry" | "device" | "store" | "versions" | "onEvent">;

/** Reads the words of SCAN, commands and actions. */
export function scanTokenizer(): Tokenizer {
  return wordTokenizer(scanWords());
}

/** A model with fresh weights that reads SCAN. */
export function freshModel(config: ModelConfig, seed: number, tokenizer: Tokenizer): Checkpoint {
  return createModel(encoderDecoder.define, config, { seed, tokenizer });
}

export async function trainTeacher({ shape, seed, steps }: TeacherRecipe, run: TeacherRun): Promise<Checkpoint> {
  const tokenizer = scanTokenizer();
  const model = freshModel(encoderDecoderConfig({ ...shape, vocabularySize: tokenizer.vocabularySize }), seed, tokenizer);
  const { state } = await runSteps({
    ...run,
    steps: steps.map((step) => resolveStep(run.registry!, step)),
    state: { model },
    seed,
    config: { command: "quickstart", steps },
  });
  return state["model"] as Checkpoint;
}

/** The folder of a teacher inside the package. */
export function shippedTeacher(name: string): FileSet {
  return folderFiles(fileURLToPath(new URL(`../../assets/teachers/${name}`, import.meta.url)));
}

export function loadTeacher({ name }: TeacherRecipe, { registry }: Pick<Context, "registry">): Promise<Checkpoint> {
  return loadCheckpoint(shippedTeacher(name), registry);
}
