/** `pare compress`: a recipe over a model. */
import type { Command } from "commander";
import type { Compression, CompressionDone, CompressionFlags } from "../compression.ts";
import type { Cli } from "../cli.ts";
import { withDevice } from "../device.ts";
import { number } from "../flags.ts";
import { STORE_FOLDER } from "../names.ts";
import { bytes, count, printResult, table } from "../output.ts";

export function withOutput(command: Command): Command {
  return withDevice(command)
    .requiredOption("--out <folder>", "where the result is written; it must not exist or be empty")
    .option("--force", "replace an output folder that Pare wrote")
    .option("--seed <n>", "same seed, same bytes", number("--seed", { integer: true, min: 0 }), 0)
    .option("--store <folder>", "keeps finished steps and run records, so that a repeated or interrupted run resumes", STORE_FOLDER)
    .option("--dry-run", "check everything and say what would be done, but do nothing");
}

export function registerCompress(program: Command, cli: Cli): void {
  withOutput(
    program
      .command("compress")
      .description("run a recipe over a model and write the result with its recipe, lock and model card")
      .argument("<model>", "folder of a model")
      .requiredOption("--recipe <file|name>", "a .json, .yaml or .ts list of steps, or the name of a recipe")
      .option("--teacher <model>", "folder of the model to distill from (default: the model itself, as it was given)"),
  ).action((model: string, flags: CompressionFlags & { readonly recipe: string }) => run(cli, model, flags));
}

async function run(cli: Cli, model: string, flags: CompressionFlags & { readonly recipe: string }): Promise<void> {
  const { terminal } = cli;
  const [{ openRegistry }, { readRecipe }, { compress }] = await Promise.all([
    import("../registry.ts"),
    import("../recipes/recipe.ts"),
    import("../compression.ts"),
  ]);
  const { registry, config } = await openRegistry(terminal.cwd);
  const recipe = await readRecipe(flags.recipe, { registry, config, cwd: terminal.cwd });
  const result = await compress(cli, registry, model, recipe, flags);
  printResult(terminal, cli.json, result, () => describe(result));
}

/** What was done, or with `--dry-run` would be. */
export function describe(result: Compression | CompressionDone): string {
  if (!("after" in result)) {
    const steps = result.steps.map(({ use, options }, i) => `${i + 1}. ${use} ${JSON.stringify(options)}`);
    return [
      `${result.model}: ${count(result.before.parameters)} parameters, ${bytes(result.before.bytes)}`,
      ...steps,
      `would be written to ${result.out}`,
    ].join("\n");
  }
  const rows = [{ use: "before", ...result.before, seconds: undefined }, ...result.steps];
  return [
    table(
      ["", "parameters", "not zero", "bytes", "seconds"],
      rows.map((row) => [
        row.use,
        count(row.parameters),
        count(row.kept),
        bytes(row.bytes),
        row.seconds === undefined ? "" : row.seconds.toFixed(1),
      ]),
    ),
    `written to ${result.out}; run record in ${result.run}`,
  ].join("\n");
}
