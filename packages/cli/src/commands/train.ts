/** `pare train`: all weights of a model on a data set, each in its own storage. */
import type { Command } from "commander";
import { isPlainObject } from "@pare/core";
import type { Cli } from "../cli.ts";
import type { CompressionFlags } from "../compression.ts";
import { flagInvalid } from "../errors.ts";
import { jsonObject, textFile } from "../flags.ts";
import { printResult } from "../output.ts";
import { describe, withOutput } from "./compress.ts";

interface TrainFlags extends CompressionFlags {
  readonly data?: string;
  readonly options?: Record<string, unknown>;
}

export function registerTrain(program: Command, cli: Cli): void {
  withOutput(
    program
      .command("train")
      .description("train a model on a data set and write the result with its recipe, lock and model card")
      .argument("<model>", "folder of a model; `pare create` makes one")
      .option("--data <file>", "text file to train on; other data sets are named in --options")
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
  const recipe = recipeOf("--options", [{ ...flags.options, ...dataOption(flags), use: "train/finetune" }], registry);
  const result = await compress(cli, registry, model, recipe, flags);
  printResult(terminal, cli.json, result, () => describe(result));
}

/** `--data` says where the text is; how it is split are options of the data set, and stand under `data` in `--options`. */
function dataOption({ data, options }: TrainFlags): object {
  if (data === undefined) return {};
  const pieces = options?.["data"] ?? {};
  if (!isPlainObject(pieces))
    throw flagInvalid({ flag: "--options", expected: "under `data`, how the text of --data is split", found: JSON.stringify(pieces) });
  return { data: { ...pieces, ...textFile(data) } };
}
