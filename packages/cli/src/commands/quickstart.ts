/** `pare quickstart`: the whole way of the data, without a network. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { withDevice, type DeviceFlags } from "../device.ts";
import { number } from "../flags.ts";
import { STORE_FOLDER } from "../names.ts";
import { printResult } from "../output.ts";

interface QuickstartFlags extends DeviceFlags {
  readonly out: string;
  readonly force?: boolean;
  readonly seed: number;
  readonly store: string;
  readonly fromScratch?: boolean;
  readonly full?: boolean;
}

export function registerQuickstart(program: Command, cli: Cli): void {
  withDevice(program.command("quickstart"))
    .description("distil, prune and quantize a small model that reads SCAN commands, and measure every step")
    .option("--from-scratch", "train the teachers again instead of using those that come with the package")
    .option("--full", "evaluate on whole test sets instead of a sample of 500 of each")
    .option("--out <folder>", "where the final model and the record are written", "pare-quickstart")
    .option("--force", "replace an output folder that Pare wrote")
    .option("--seed <n>", "same seed, same bytes", number("--seed", { integer: true, min: 0 }), 0)
    .option("--store <folder>", "keeps finished steps and run records, so that a repeated or interrupted run resumes", STORE_FOLDER)
    .action((flags: QuickstartFlags) => run(cli, flags));
}

async function run(cli: Cli, flags: QuickstartFlags): Promise<void> {
  const { terminal, progress } = cli;
  const [
    { createRunStore, filesWithin },
    { folderFiles },
    { openRegistry, packagesOf },
    { openDevice },
    { openChooser },
    { installedVersions },
    { watch },
    outFolder,
    { quickstart, writeQuickstart },
    { describeQuickstart },
  ] = await Promise.all([
    import("@pare/core"),
    import("@pare/core/node"),
    import("../registry.ts"),
    import("../open-device.ts"),
    import("../open-chooser.ts"),
    import("../versions.ts"),
    import("../watch.ts"),
    import("../out-folder.ts"),
    import("../quickstart/quickstart.ts"),
    import("../quickstart/table.ts"),
  ]);
  const out = resolve(terminal.cwd, flags.out);
  await outFolder.checkOutFolder(out, flags.force === true);
  const { registry } = await openRegistry(terminal.cwd);
  const device = await openDevice(registry, flags);
  const watching = watch(cli);
  const store = folderFiles(resolve(terminal.cwd, flags.store), { create: true });
  const options = { fromScratch: flags.fromScratch === true, full: flags.full === true, seed: flags.seed };
  const begin = performance.now();
  try {
    const result = await quickstart(options, {
      registry,
      device,
      chooser: await openChooser(device, store, watching.onEvent),
      store: createRunStore(store),
      versions: await installedVersions(packagesOf(registry), terminal.cwd),
      signal: terminal.signal,
      watching,
      note: progress.note,
    });
    progress.stop();
    await outFolder.writeOutFolder(out, flags.force === true, (files) =>
      writeQuickstart(result, options, files, (folder) => filesWithin(files, folder)),
    );
    const { model: _model, teachers: _teachers, ...shown } = result;
    const seconds = (performance.now() - begin) / 1000;
    const report = {
      ...shown,
      out: flags.out,
      seed: flags.seed,
      device: { backend: device.backend, variant: device.variant },
      choices: watching.choices(),
      fallbacks: watching.fallbacks(),
      warnings: watching.warnings(),
      seconds,
    };
    printResult(terminal, cli.json, report, () => `${describeQuickstart(result)}\nwritten to ${flags.out} in ${Math.round(seconds)} s`);
  } finally {
    await device.close();
  }
}
