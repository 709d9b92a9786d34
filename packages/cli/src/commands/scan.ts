/** `pare scan`: how much a model loses by how much of each part goes. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Sensitivity } from "@pare/prune";
import type { Cli } from "../cli.ts";
import { withDevice, type DeviceFlags } from "../device.ts";
import { dataOption, jsonObject, number, shares } from "../flags.ts";
import { STORE_FOLDER } from "../names.ts";
import { printResult, table } from "../output.ts";

interface ScanFlags extends DeviceFlags {
  readonly prune: string;
  readonly at: readonly number[];
  readonly parts?: string;
  readonly group?: string;
  readonly data?: string;
  readonly options?: Record<string, unknown>;
  readonly seed: number;
  readonly store: string;
  readonly chart?: string;
  readonly force?: boolean;
}

export function registerScan(program: Command, cli: Cli): void {
  withDevice(
    program
      .command("scan")
      .description("measure the loss with each part of a model pruned to each share; a recipe's prune/allocate spends a budget by it")
      .argument("<model>", "folder of a model")
      .option("--prune <id>", "stage that prunes, with what it takes by itself", "prune/magnitude")
      .option("--at <shares>", "shares that are tried", shares("--at"), [0.3, 0.5, 0.7, 0.9])
      .option("--parts <what>", "weights, heads or neurons (default: weights)")
      .option("--group <by>", "every part alone, or those of a layer together: part or layer (default: part)")
      .option("--data <file>", "text, or rows (.jsonl, .csv, .tsv), that the loss is measured on")
      .option("--options <json>", "further options of prune/scan, as one JSON object", jsonObject("--options"))
      .option("--chart <file.svg>", "draws the losses into a file that must not exist")
      .option("--force", "replace that file")
      .option("--seed <n>", "same seed, same bytes", number("--seed", { integer: true, min: 0 }), 0)
      .option("--store <folder>", "keeps finished trials, so that an interrupted scan resumes", STORE_FOLDER),
  ).action((model: string, flags: ScanFlags) => run(cli, model, flags));
}

async function run(cli: Cli, path: string, flags: ScanFlags): Promise<void> {
  const { terminal, progress } = cli;
  const [
    core,
    { folderFiles },
    { openRegistry, packagesOf },
    { openModel },
    { openDevice },
    { watch },
    { recipeInputs },
    versions,
    { checkOutFile, outFile },
    { sensitivityChart },
  ] = await Promise.all([
    import("@pare/core"),
    import("@pare/core/node"),
    import("../registry.ts"),
    import("../model.ts"),
    import("../open-device.ts"),
    import("../watch.ts"),
    import("../recipes/inputs.ts"),
    import("../versions.ts"),
    import("../out-file.ts"),
    import("@pare/prune"),
  ]);
  const chart = flags.chart === undefined ? undefined : resolve(terminal.cwd, flags.chart);
  if (chart !== undefined) await checkOutFile(chart, flags.force === true, "--chart");
  const { registry } = await openRegistry(terminal.cwd);
  const { prune, at, parts, group, options } = flags;
  const asked = { prune: { use: prune }, at, ...(parts && { parts }), ...(group && { group }) };
  const step = core.resolveStep(registry, { use: "prune/scan", ...asked, ...options, ...dataOption(flags.data, options) });
  const model = await openModel(path, cli, registry);
  const device = await openDevice(registry, flags);
  const watching = watch(cli);
  try {
    const { state, record } = await core.runSteps({
      steps: [step],
      state: { model },
      seed: flags.seed,
      signal: terminal.signal,
      registry,
      device,
      store: core.createRunStore(folderFiles(resolve(terminal.cwd, flags.store), { create: true })),
      versions: await versions.installedVersions(packagesOf(registry), terminal.cwd),
      data: await recipeInputs({ source: "scan", steps: [step] }, terminal.cwd),
      config: { command: "scan", model: path },
      onEvent: watching.onEvent,
    });
    progress.stop();
    const sensitivity = state["sensitivity"] as Sensitivity;
    if (chart !== undefined) await core.writeText(outFile(chart), "chart", sensitivityChart(sensitivity));
    const result = { model: path, seed: flags.seed, run: record.id, ...sensitivity, fallbacks: watching.fallbacks() };
    printResult(terminal, cli.json, result, () => describe(sensitivity));
  } finally {
    await device.close();
  }
}

/** Losses by part and share. */
function describe({ whole, groups }: Sensitivity): string {
  const tried = [...new Set(groups.flatMap(({ points }) => points.map(({ share }) => share)))].sort((a, b) => a - b);
  const rows = groups.map(({ name, points }) => [
    name,
    ...tried.map((share) => points.find((point) => point.share === share)?.loss.toFixed(4) ?? ""),
  ]);
  return table(
    ["loss", ...tried.map((share) => `${Number((100 * share).toFixed(2))} %`)],
    [["nothing gone", ...tried.map(() => whole.loss.toFixed(4))], ...rows],
  );
}
