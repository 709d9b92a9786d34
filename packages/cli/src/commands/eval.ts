/** `pare eval`: suites on a model. */
import type { Command } from "commander";
import { checkOptions, type Registry } from "@pare/core";
import type { Result } from "@pare/eval-suites";
import type { Cli } from "../cli.ts";
import { withChooser, type RunFlags } from "../device.ts";
import { flagged } from "../errors.ts";
import { dataOption, jsonObject, list, number } from "../flags.ts";
import { digits, printResult, table } from "../output.ts";

interface EvalFlags extends RunFlags {
  readonly suite: readonly string[];
  readonly data?: string;
  readonly options?: Record<string, unknown>;
  readonly seed: number;
}

export function registerEval(program: Command, cli: Cli): void {
  withChooser(
    program
      .command("eval")
      .description("run evaluation suites on a model")
      .argument("<model>", "folder of a model")
      .requiredOption("--suite <id>", "suite to run; may be repeated (`pare plugins` lists all)", list)
      .option("--data <file>", "file that the suites work on: text, or rows (.jsonl, .csv, .tsv)")
      .option("--options <json>", "options of the suites, as one JSON object", jsonObject("--options"))
      .option("--seed <n>", "of everything a suite draws", number("--seed", { integer: true, min: 0 }), 0),
  ).action((model: string, flags: EvalFlags) => run(cli, model, flags));
}

async function run(cli: Cli, path: string, flags: EvalFlags): Promise<void> {
  const { terminal, progress } = cli;
  const [{ openRegistry }, { openModel }, { openDevice }, { chooserFor }, { watch, describeChoices }, { evaluate }] = await Promise.all([
    import("../registry.ts"),
    import("../model.ts"),
    import("../open-device.ts"),
    import("../open-chooser.ts"),
    import("../watch.ts"),
    import("@pare/eval-suites"),
  ]);
  const { registry } = await openRegistry(terminal.cwd);
  const suites = flags.suite.map((use) => ({ ...flags.options, ...dataOption(flags.data, flags.options), use }));
  for (const suite of suites) checkSuite(registry, suite);
  const model = await openModel(path, cli, registry);
  const device = await openDevice(registry, flags);
  const watching = watch(cli);
  try {
    const chooser = await chooserFor(flags, model, device, terminal.cwd, watching.onEvent);
    const { results } = await evaluate(model, suites, {
      seed: flags.seed,
      signal: terminal.signal,
      registry,
      device,
      chooser,
      emit: watching.onEvent,
    });
    progress.stop();
    const { backend, variant } = device;
    const result = {
      model: path,
      device: { backend, variant },
      seed: flags.seed,
      results,
      choices: watching.choices(),
      fallbacks: watching.fallbacks(),
      warnings: watching.warnings(),
    };
    printResult(terminal, cli.json, result, () => [describe(results), ...describeChoices(result.choices)].join("\n"));
  } finally {
    await device.close();
  }
}

/** `evaluate` checks the same; here it is known which flag the fault came by, and nothing is open yet. */
function checkSuite(registry: Registry, { use, ...options }: { readonly use: string }): void {
  try {
    checkOptions(use, registry.find("suite", use).options, options);
  } catch (error) {
    throw flagged(error, use);
  }
}

function describe(results: readonly Result[]): string {
  const rows = results.flatMap(({ suite, label, metrics }) =>
    Object.entries(metrics).map(([name, value], i) => [
      i === 0 ? suite : "",
      i === 0 && typeof label === "string" ? label : "",
      name,
      digits(value),
    ]),
  );
  return table(["suite", "", "metric", "value"], rows);
}
