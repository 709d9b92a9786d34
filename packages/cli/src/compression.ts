/** Steps over a model, from its folder to a folder: what `compress` and `train` do. */
import { basename, resolve } from "node:path";
import { createRunStore, hashJson, runSteps, writeText, type Registry } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import type { Checkpoint } from "@pare/models";
import type { Device } from "@pare/tensor-core";
import { fileHashes, modelCard, type CardStep } from "./card.ts";
import type { Cli } from "./cli.ts";
import type { DeviceFlags } from "./device.ts";
import { modelLost } from "./errors.ts";
import { modelSize, openModel, type ModelSize } from "./model.ts";
import { CARD_NAME, LOCK_NAME, RECIPE_NAME } from "./names.ts";
import { openDevice } from "./open-device.ts";
import { checkOutFolder, writeOutFolder } from "./out-folder.ts";
import { recipeInputs } from "./recipes/inputs.ts";
import { writeRecipe, type Recipe } from "./recipes/recipe.ts";
import { packagesOf } from "./registry.ts";
import { installedVersions, pareVersion } from "./versions.ts";
import { watch, type Fallback } from "./watch.ts";

export interface CompressionFlags extends DeviceFlags {
  readonly out: string;
  readonly teacher?: string;
  readonly seed: number;
  readonly force?: boolean;
  readonly store: string;
  readonly dryRun?: boolean;
}

export interface Compression {
  readonly model: string;
  readonly out: string;
  readonly seed: number;
  readonly before: ModelSize;
  readonly steps: readonly StepResult[];
}

interface StepResult {
  readonly use: string;
  readonly version: number;
  readonly options: unknown;
}

export interface CompressionDone extends Compression {
  readonly device: { readonly backend: string; readonly variant: string };
  readonly after: ModelSize;
  readonly steps: readonly (StepResult & CardStep & { readonly status: "ran" | "cached"; readonly seconds: number })[];
  /** Content hash of the checkpoint that was written. */
  readonly hash: string;
  /** Folder of the run record, in the store. */
  readonly run: string;
  readonly fallbacks: readonly Fallback[];
  readonly warnings: readonly string[];
}

/**
 * Runs a recipe over a model and writes the result. Everything that can be refused is refused before any work; the output
 * folder appears whole or not at all.
 */
export async function compress(
  cli: Cli,
  registry: Registry,
  path: string,
  recipe: Recipe,
  flags: CompressionFlags,
): Promise<Compression | CompressionDone> {
  const { cwd } = cli.terminal;
  const out = resolve(cwd, flags.out);
  await checkOutFolder(out, flags.force === true);
  const model = await openModel(path, cli, registry);
  const teacher = flags.teacher === undefined ? model : await openModel(flags.teacher, cli, registry);
  const plan: Compression = {
    model: path,
    out: flags.out,
    seed: flags.seed,
    before: await modelSize(model),
    steps: recipe.steps.map(written),
  };
  const data = await recipeInputs(recipe, cwd);
  if (flags.dryRun === true) return plan;
  const device = await openDevice(registry, flags);
  try {
    return await run(cli, { registry, recipe, data, flags, out, model, teacher, device, plan });
  } finally {
    await device.close();
  }
}

interface Job {
  readonly registry: Registry;
  readonly recipe: Recipe;
  /** Hashes of the files that the recipe names. */
  readonly data: Readonly<Record<string, string>>;
  readonly flags: CompressionFlags;
  readonly out: string;
  readonly model: Checkpoint;
  readonly teacher: Checkpoint;
  readonly device: Device;
  readonly plan: Compression;
}

async function run(cli: Cli, job: Job): Promise<CompressionDone> {
  const { registry, recipe, data, flags, model, teacher, device, plan } = job;
  const { terminal, progress } = cli;
  const store = createRunStore(folderFiles(resolve(terminal.cwd, flags.store), { create: true }));
  const versions = await installedVersions(packagesOf(registry), terminal.cwd);
  const watching = watch(cli);
  const sizes: ModelSize[] = [];
  const { state, record } = await runSteps({
    steps: recipe.steps,
    state: { model, teacher },
    seed: flags.seed,
    signal: terminal.signal,
    registry,
    device,
    store,
    versions,
    data,
    config: { command: "compress", model: plan.model, recipe: writeRecipe(recipe) },
    onEvent: watching.onEvent,
    afterStep: async (_step, values) => void sizes.push(await modelSize(checkpointIn(await values()))),
  });
  progress.stop();
  const made = checkpointIn(state);
  const steps = record.steps.map(({ use, version, options, metrics, status, seconds }, i) => ({
    use,
    version,
    options,
    metrics,
    status,
    seconds,
    ...sizes[i]!,
  }));
  await write(terminal.cwd, job, made, steps, versions);
  return {
    ...plan,
    device: { backend: device.backend, variant: device.variant },
    after: sizes.at(-1)!,
    steps,
    hash: await made.hash(),
    run: store.run(record.id).location,
    fallbacks: watching.fallbacks(),
    warnings: watching.warnings(),
  };
}

async function write(
  cwd: string,
  { recipe, data, flags, out, model, teacher, device, plan }: Job,
  made: Checkpoint,
  steps: readonly CardStep[],
  packages: Readonly<Record<string, string>>,
): Promise<void> {
  await writeOutFolder(out, flags.force === true, async (files) => {
    const { seed } = flags;
    await made.save(files);
    const json = writeRecipe(recipe);
    await writeText(files, RECIPE_NAME, `${JSON.stringify(json, null, 2)}\n`);
    const card = {
      name: basename(resolve(cwd, plan.model)),
      description: recipe.description,
      before: plan.before,
      steps,
      seed,
      device: `${device.backend} (${device.variant})`,
      origin: model.provenance.origin,
    };
    await writeText(files, CARD_NAME, modelCard(card));
    const lock = {
      schema: 1,
      pare: pareVersion(),
      packages,
      node: process.version,
      device: { backend: device.backend, variant: device.variant },
      seed,
      recipe: await hashJson(json),
      input: await model.hash(),
      teacher: flags.teacher === undefined ? undefined : await teacher.hash(),
      data,
      output: await made.hash(),
      files: await fileHashes(files),
    };
    await writeText(files, LOCK_NAME, `${JSON.stringify(lock, null, 2)}\n`);
  });
}

function written({ use, version, options }: StepResult): StepResult {
  return { use, version, options };
}

/** The model that a run's state holds. Throws `cli/model-lost`. */
function checkpointIn(state: Readonly<Record<string, unknown>>): Checkpoint {
  const model = state["model"] as Partial<Checkpoint> | undefined;
  if (model?.kind !== "checkpoint") throw modelLost({ found: typeof model?.kind === "string" ? model.kind : typeof model });
  return model as Checkpoint;
}
