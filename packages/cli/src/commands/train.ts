/** `pare train`: all weights of a model on a data set, each in its own storage. */
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import type { CompressionFlags } from "../compression.ts";
import { dataOption, headFlag, jsonObject, type HeadFlag } from "../flags.ts";
import { printResult } from "../output.ts";
import { describe, withOutput } from "./compress.ts";

interface TrainFlags extends CompressionFlags {
  readonly head?: HeadFlag;
  readonly data?: string;
  readonly options?: Record<string, unknown>;
}

export function registerTrain(program: Command, cli: Cli): void {
  withOutput(
    program
      .command("train")
      .description("train a model on a data set and write the result with its recipe, lock and model card")
      .argument("<model>", "folder of a model; `pare create` makes one")
      .option("--head <task>", "put a fresh head on an encoder first: a task, or it with options as one JSON object", headFlag("--head"))
      .option("--data <file>", "text or rows (.jsonl, .csv, .tsv) to train on; other data sets are named in --options")
      .option("--options <json>", "options of the stage train/finetune, as one JSON object", jsonObject("--options")),
  ).action((model: string, flags: TrainFlags) => run(cli, model, flags));
}

async function run(cli: Cli, model: string, flags: TrainFlags): Promise<void> {
  const { terminal } = cli;
  const [{ openRegistry }, { recipeOf }, { compress }] = await Promise.all([
    import("../registry.ts"),
    import("../recipes/recipe.ts"),
    import("../compression.ts"),
  ]);
  const { registry } = await openRegistry(terminal.cwd);
  const options: Record<string, unknown> = { ...flags.options, ...dataOption(flags.data, flags.options) };
  const head = flags.head === undefined ? [] : [await headStep(flags.head, options["data"])];
  const recipe = recipeOf("--options", [...head, { ...options, use: "train/finetune" }], registry);
  const result = await compress(cli, registry, model, recipe, flags);
  printResult(terminal, cli.json, result, () => describe(result));
}

/** The head that is put on first, its classes those of the data it will be trained on. */
async function headStep(head: HeadFlag, data: unknown): Promise<object> {
  const { hasClasses } = await import("@pare/training");
  const { task } = typeof head === "string" ? { task: head } : head;
  return { use: "train/head", head, ...(hasClasses(task) && data !== undefined ? { data } : {}) };
}
