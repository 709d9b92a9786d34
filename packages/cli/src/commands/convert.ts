/** `pare convert`: a model from any form that can be read into any form that an exporter writes. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { memoryFiles, type FileSet, type Registry } from "@pare/core";
import type { ExportChange, ExportResult, ExporterPlugin } from "@pare/models";
import type { Cli } from "../cli.ts";
import { jsonObject } from "../flags.ts";
import { PROVENANCE_FILE } from "../names.ts";
import { bytes, printResult } from "../output.ts";

interface ConvertFlags {
  readonly format?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** What names the output, for errors. */
const FIELD = "<to>";

export function registerConvert(program: Command, cli: Cli): void {
  program
    .command("convert")
    .description("write a model in another form: Pare's own folder, or what a runtime loads")
    .argument("<from>", "folder or file of a model")
    .argument("<to>", "folder, or for formats of one file also that file, which must not exist")
    .option("--format <id>", "exporter; `pare plugins` lists all; without it the one that <to> ends with, else pare")
    .option("--options <json>", "the exporter's options", jsonObject("--options"))
    .option("--force", "replace an output that Pare wrote")
    .option("--dry-run", "refuse what would be refused, say what would be changed, write nothing")
    .action((from: string, to: string, flags: ConvertFlags) => run(cli, from, to, flags));
}

interface Written {
  readonly file: string;
  /** Absent where nothing was written. */
  readonly bytes?: number | undefined;
}

interface Conversion extends ExportResult {
  readonly from: string;
  readonly to: string;
  readonly format: string;
  readonly dryRun: boolean;
  readonly files: readonly Written[];
}

async function run(cli: Cli, from: string, to: string, flags: ConvertFlags): Promise<void> {
  const { terminal, json, progress } = cli;
  const [{ openRegistry }, { openModel }, { saveProvenance }] = await Promise.all([
    import("../registry.ts"),
    import("../model.ts"),
    import("@pare/models"),
  ]);
  const { registry } = await openRegistry(terminal.cwd);
  const exporter = chooseExporter(registry, to, flags.format);
  const output = await openOutput(resolve(terminal.cwd, to), exporter, flags);
  const model = await openModel(from, cli, registry);
  const files: Written[] = [];
  let result: ExportResult | undefined;
  await output.write(async (target) => {
    const watched = listing(target, files, flags.dryRun === true);
    const { options } = flags;
    const written = { files: watched, options, registry, progress: progress.show, signal: terminal.signal };
    result = await exporter.define.write(model, written);
    // A folder that a runtime loads says where it comes from, too; and by that it is known as one that Pare wrote.
    if (output.isFolder && !files.some(({ file }) => file === PROVENANCE_FILE)) await saveProvenance(model.provenance, watched);
  });
  progress.stop();
  const done: Conversion = { from, to, format: exporter.id, dryRun: flags.dryRun === true, files, ...result! };
  printResult(terminal, json, done, () => describe(done));
}

/** The exporter that was named; else the one whose ending the output has; else Pare's own. Throws `core/plugin-unknown`. */
function chooseExporter(registry: Registry, to: string, id: string | undefined): ExporterPlugin {
  if (id !== undefined) return registry.find("exporter", id) as ExporterPlugin;
  const exporters = registry.list("exporter") as readonly ExporterPlugin[];
  return exporters.find((one) => endsAs(to, one)) ?? (registry.find("exporter", "pare") as ExporterPlugin);
}

function endsAs(path: string, { define: { ending } }: ExporterPlugin): boolean {
  return ending !== undefined && path.endsWith(`.${ending}`);
}

interface Output {
  readonly isFolder: boolean;
  /** Runs `fill` over files that appear whole or not at all; in a dry run over files that do not appear. */
  readonly write: (fill: (files: FileSet) => Promise<void>) => Promise<void>;
}

/** Throws `cli/output-occupied`, `cli/output-exists`. */
async function openOutput(path: string, exporter: ExporterPlugin, flags: ConvertFlags): Promise<Output> {
  const [{ checkOutFile, outFile }, { checkOutFolder, writeOutFolder }] = await Promise.all([
    import("../out-file.ts"),
    import("../out-folder.ts"),
  ]);
  const force = flags.force === true;
  const isFolder = !endsAs(path, exporter);
  await (isFolder ? checkOutFolder(path, force, FIELD) : checkOutFile(path, force, FIELD));
  if (flags.dryRun === true) return { isFolder, write: (fill) => fill(memoryFiles({}, path)) };
  return { isFolder, write: (fill) => (isFolder ? writeOutFolder(path, force, fill, FIELD) : fill(outFile(path))) };
}

/** The set, noting what is written; in a dry run no content is asked for. */
function listing(files: FileSet, written: Written[], dryRun: boolean): FileSet {
  return {
    ...files,
    write: async (name, chunks) => {
      let size = 0;
      const counted = async function* (): AsyncIterable<Uint8Array> {
        for await (const chunk of chunks) {
          size += chunk.byteLength;
          yield chunk;
        }
      };
      if (!dryRun) await files.write(name, counted());
      written.push(dryRun ? { file: name } : { file: name, bytes: size });
    },
  };
}

function describe({ to, format, dryRun, files, changes, notes }: Conversion): string {
  const size = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  const names = files.map(({ file }) => file).join(", ");
  const summary = dryRun ? `nothing written; ${format} would write ${names} to ${to}` : `${names} (${bytes(size)}) written to ${to}`;
  return [...describeChanges(changes), ...notes, summary].join("\n");
}

/** A line for each kind of change, with the number of weights. */
function describeChanges(changes: readonly ExportChange[]): string[] {
  const groups = new Map<string, number>();
  for (const { from, to, exact, why } of changes) {
    const line = `${from} written as ${to} (${exact ? "the same numbers" : "rounded"}): ${why}`;
    groups.set(line, (groups.get(line) ?? 0) + 1);
  }
  return [...groups].map(([line, weights]) => `${weights} × ${line}`);
}
