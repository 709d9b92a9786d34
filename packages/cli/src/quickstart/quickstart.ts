/** Teacher → student → pruned → int8, each step measured, beside a model of the final size that never saw the teacher. */
import {
  resolveStep,
  runSteps,
  writeText,
  type Context,
  type FileSet,
  type Registry,
  type RunOptions,
  type RunRecord,
  type RunStore,
} from "@pare/core";
import type { Checkpoint } from "@pare/models";
import type { Chooser, Device } from "@pare/tensor-core";
import type { Watch } from "../watch.ts";
import { latencies, measure, type Latency, type Row } from "./measure.ts";
import { CLEAN_TEACHER, COMPRESS, CONTROL, SAMPLE, SIMPLE_TEACHER, SUITES, type RecipeStep, type TeacherRecipe } from "./recipes.ts";
import { freshModel, loadTeacher, trainTeacher, type Teacher } from "./teachers.ts";

export interface QuickstartOptions {
  /** Train the teachers again instead of loading those that ship. */
  readonly fromScratch: boolean;
  /** Whole test sets instead of a sample of each. */
  readonly full: boolean;
  readonly seed: number;
}

export interface QuickstartParts {
  readonly registry: Registry;
  readonly device: Device;
  readonly chooser: Chooser;
  readonly store: RunStore;
  readonly versions: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly watching: Watch;
  readonly note: (text: string) => void;
}

export interface TimedRow extends Row {
  readonly latency: Latency;
}

export interface QuickstartResult {
  readonly rows: readonly TimedRow[];
  /** A fresh model of the final shape and storage, trained on labels alone for as many steps. */
  readonly control: TimedRow;
  /** The published setting: trained and tested on SCAN's simple split. */
  readonly published: Row;
  readonly summary: {
    /** Bytes of the final model by those of its teacher. */
    readonly bytes: number;
    /** In-domain accuracy of the final model by that of its teacher. */
    readonly kept: number;
    readonly beatsControl: boolean;
  };
  readonly model: Checkpoint;
  readonly teachers: Readonly<Record<string, Teacher>>;
  readonly runs: readonly string[];
}

export async function quickstart(options: QuickstartOptions, parts: QuickstartParts): Promise<QuickstartResult> {
  const { signal, registry, device, chooser, watching, note, store, versions } = parts;
  const context: Context = { seed: options.seed, signal, registry, device, chooser, emit: watching.onEvent };
  const run: RunOptions = { seed: options.seed, signal, registry, device, store, versions, onEvent: watching.onEvent };
  const row = (name: string, model: Checkpoint, suites: readonly string[] = SUITES): Promise<Row> =>
    measure(name, model, suites, options.full ? undefined : SAMPLE, context);

  const teacher = await teacherOf(CLEAN_TEACHER, options, run, note);
  const simple = await teacherOf(SIMPLE_TEACHER, options, run, note);
  note("measuring the teachers");
  const published = await row("teacher of the whole simple split", simple.model, ["scan/simple"]);
  const rows = [await row("teacher", teacher.model)];

  note("distilling and compressing");
  const made = await follow(COMPRESS, { model: teacher.model, teacher: teacher.model }, run);
  for (const [index, name] of ["distilled student", "heads removed", "weights pruned 4×1", "int8"].entries())
    rows.push(await row(name, made.models[index]!));
  note("training the control on labels alone");
  const blank = freshModel(made.models[0]!.config, options.seed, teacher.model.tokenizer!);
  const control = await follow(CONTROL, { model: blank }, run);
  const labels = await row("labels alone, same size", control.models.at(-1)!);

  note("timing");
  const times = await latencies([teacher.model, ...made.models, control.models.at(-1)!], context);
  const timed = [...rows, labels].map((each, index) => ({ ...each, latency: times[index]! }));
  return {
    rows: timed.slice(0, -1),
    control: timed.at(-1)!,
    published,
    summary: summarise(timed.slice(0, -1), timed.at(-1)!),
    model: made.models.at(-1)!,
    teachers: { [CLEAN_TEACHER.name]: teacher, [SIMPLE_TEACHER.name]: simple },
    runs: [made.record.id, control.record.id],
  };
}

interface Followed {
  /** After each step. */
  readonly models: readonly Checkpoint[];
  readonly record: RunRecord;
}

async function follow(steps: readonly RecipeStep[], state: Readonly<Record<string, unknown>>, run: RunOptions): Promise<Followed> {
  const models: Checkpoint[] = [];
  const { record } = await runSteps({
    ...run,
    steps: steps.map((step) => resolveStep(run.registry!, step)),
    state,
    config: { command: "quickstart", steps },
    afterStep: async (_record, values) => void models.push((await values())["model"] as Checkpoint),
  });
  return { models, record };
}

async function teacherOf(
  recipe: TeacherRecipe,
  { fromScratch }: QuickstartOptions,
  run: RunOptions,
  note: (text: string) => void,
): Promise<Teacher> {
  if (!fromScratch) return { model: await loadTeacher(recipe, { registry: run.registry! }) };
  note(`training the teacher ${recipe.name}`);
  return trainTeacher(recipe, run);
}

function summarise(rows: readonly TimedRow[], control: TimedRow): QuickstartResult["summary"] {
  const [teacher, last] = [rows[0]!, rows.at(-1)!];
  const inDomain = (row: Row): number => row.accuracies[0]!.accuracy;
  return {
    bytes: last.bytes / teacher.bytes,
    kept: inDomain(last) / inDomain(teacher),
    beatsControl: inDomain(last) > inDomain(control),
  };
}

/** The final model with its recipe and record; teachers that were trained beside it. */
export async function writeQuickstart(
  result: QuickstartResult,
  { fromScratch }: QuickstartOptions,
  files: FileSet,
  within: (folder: string) => FileSet,
): Promise<void> {
  await result.model.save(files);
  await writeText(files, "recipe.json", `${JSON.stringify(COMPRESS, null, 2)}\n`);
  const { model: _model, teachers, ...record } = result;
  await writeText(files, "quickstart.json", `${JSON.stringify(record, null, 2)}\n`);
  if (!fromScratch) return;
  for (const recipe of [CLEAN_TEACHER, SIMPLE_TEACHER]) {
    const folder = within(`teachers/${recipe.name}`);
    const { model, record: run } = teachers[recipe.name]!;
    await model.save(folder);
    await writeText(folder, "recipe.json", `${JSON.stringify(recipe, null, 2)}\n`);
    await writeText(folder, "record.json", `${JSON.stringify(run, null, 2)}\n`);
  }
}
