/** The one train loop. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import {
  compile,
  createStore,
  f32,
  fork,
  zeros,
  adamwHyper,
  type Compiled,
  type Device,
  type Graph,
  type HostTensor,
  type Schedule,
  type Store,
  type StoredWeight,
} from "@pare/tensor-core";
import { batchTensors, planEpoch } from "./batches.ts";
import { dataEmpty, diverged } from "./errors.ts";
import { keepLogits, worthKeeping, type KeptLogits } from "./frozen-logits.ts";
import { checkWanted, visited, type Objective } from "./objective.ts";
import { mostRows, predictionsOf, type Sequence } from "./sequence.ts";
import { scheduleOf, stepsOf, type TrainSettings } from "./settings.ts";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";
import {
  accumulatingGraphs,
  gradientState,
  hyperGroups,
  leafState,
  LOSS_STATE,
  movedLeaves,
  startStates,
  stepGraph,
} from "./step-graph.ts";
import { deviceOf, frozenSubjects, listeners, storedWeights, subjectOf, type Subject } from "./subject.ts";
import { trainAll, type Parametrisation, type TrainableView, type Views } from "./view.ts";

export interface LossPoint {
  /** Steps done. */
  readonly step: number;
  /** Mean loss of the steps since the point before. */
  readonly loss: number;
}

/** What a method may do between two steps: read leaves, and set those that the optimizer does not move (masks). */
export interface StepDone {
  /** Steps done, and in all. */
  readonly done: number;
  readonly steps: number;
  readonly read: (weight: string, leaf: string) => Promise<HostTensor>;
  readonly write: (weight: string, leaf: string, value: HostTensor) => void;
}

export interface TrainOptions extends Parametrisation {
  readonly model: Checkpoint;
  readonly objective: Objective;
  /** Frozen models by the names that the objective reads them under. */
  readonly models?: Readonly<Record<string, Checkpoint>> | undefined;
  readonly sequences: readonly Sequence[];
  readonly settings: TrainSettings;
  /** Called after every step, before a snapshot can be taken. */
  readonly onStep?: ((step: StepDone) => void | Promise<void>) | undefined;
  readonly context: Context;
}

export interface Trained {
  /** Trained weights in the storages their views stand for; those that were frozen are not among them. */
  readonly weights: ReadonlyMap<string, StoredWeight>;
  readonly losses: readonly LossPoint[];
  readonly steps: number;
}

/** Milliseconds between snapshots: little work is lost, little time is spent writing. */
const SNAPSHOT_EVERY = 20_000;

/** Times a run's mean loss is read and kept; between them nothing is read from the device. */
const LOSS_POINTS = 100;

/**
 * Trains with AdamW. Parameters and moments stay on the device; the order of the data follows from seed and epoch; a run
 * that was cut off goes on from the snapshot in `context.scratch` and gives the same bytes. Stops between steps when
 * `context.signal` is aborted.
 *
 * @throws `training/device-missing`, `training/model-missing`, `training/data-empty`, `training/nothing-wanted`, `training/diverged`, `tensor-core/quantized-training`.
 */
export async function train(options: TrainOptions): Promise<Trained> {
  const { model, objective, sequences, settings, context } = options;
  const device = deviceOf(context, "training");
  if (sequences.length === 0) throw dataEmpty({ data: "data", kept: "one example or more", found: "none" });
  const subject = subjectOf(model, context.registry);
  const frozen = frozenSubjects(objective, options.models ?? {}, context);
  checkWanted(sequences, subject);
  const views = viewsOf(subject, options.views ?? trainAll);
  const kept = await keptLogits(frozen, options, device);
  const { sites, penalty } = options;
  const from = { subject, frozen, objective, kept: new Set(kept.keys()) };
  const step = { ...from, views, sites, penalty, clip: settings.clip > 0, remat: settings.remat };
  const store = createStore(device, { weights: storedWeights(subject, frozen) });
  const compiled = (graph: Graph): Compiled => compile(graph, { store, ...listeners(context, device) });
  const graphs = settings.accumulate > 1 ? accumulatingGraphs(step) : { pass: stepGraph(step) };
  const [pass, update] = [compiled(graphs.pass), "update" in graphs ? compiled(graphs.update) : undefined];
  try {
    const run = new Run(options, { subject, store, pass, update, views, kept: [...kept.values()] });
    await run.begin();
    await run.finish();
    return { weights: await finalise(views, store), losses: run.losses, steps: run.steps };
  } finally {
    pass.dispose();
    update?.dispose();
    await store.dispose();
  }
}

/** Frozen models whose logits pay to be computed once, by name. */
async function keptLogits(
  frozen: Readonly<Record<string, Subject>>,
  { objective, sequences, settings, context }: TrainOptions,
  device: Device,
): Promise<Map<string, KeptLogits>> {
  // Logits of sequences that are another on every visit hold for one visit alone.
  if (objective.visit !== undefined) return new Map();
  const visits = settings.batch * stepsOf(settings, Math.ceil(sequences.length / settings.batch));
  const kept = new Map<string, KeptLogits>();
  for (const [name, subject] of Object.entries(frozen)) {
    if (worthKeeping(subject, sequences, visits)) kept.set(name, await keepLogits(name, subject, sequences, context, device));
  }
  return kept;
}

function viewsOf({ checkpoint, architecture }: Subject, views: Views): Map<string, TrainableView> {
  const chosen = new Map<string, TrainableView>();
  for (const spec of architecture.weights(checkpoint.config)) {
    const view = views(spec, checkpoint.weights.get(spec.name)!);
    if (view !== "frozen") chosen.set(spec.name, view);
  }
  return chosen;
}

async function finalise(views: ReadonlyMap<string, TrainableView>, store: Store): Promise<Map<string, StoredWeight>> {
  const weights = new Map<string, StoredWeight>();
  for (const [name, view] of views) weights.set(name, await view.finalise((leaf) => store.readState(leafState(name, leaf))));
  return weights;
}

/** What a run works with. */
interface Machine {
  readonly subject: Subject;
  readonly store: Store;
  /** Runs a part of a step's batch; where there is no `update`, all of it and the update as well. */
  readonly pass: Compiled;
  readonly update: Compiled | undefined;
  readonly views: ReadonlyMap<string, TrainableView>;
  readonly kept: readonly KeptLogits[];
}

/** One run over its steps, from the beginning or from a snapshot. */
class Run {
  readonly steps: number;
  losses: LossPoint[] = [];
  private step = 0;
  private saved = Date.now();
  private readonly options: TrainOptions;
  private readonly store: Store;
  private readonly machine: Machine;
  private readonly batchesPerEpoch: number;
  private readonly rowsEach: number;
  private readonly rate: Schedule;
  private readonly reportEvery: number;
  private plan: { readonly epoch: number; readonly batches: readonly (readonly number[])[] } | undefined;

  constructor(options: TrainOptions, machine: Machine) {
    this.options = options;
    this.store = machine.store;
    this.machine = machine;
    this.batchesPerEpoch = Math.ceil(options.sequences.length / options.settings.batch);
    this.rowsEach = mostRows(options.sequences);
    this.steps = stepsOf(options.settings, this.batchesPerEpoch);
    this.rate = scheduleOf(options.settings, this.steps);
    this.reportEvery = Math.max(1, Math.floor(this.steps / LOSS_POINTS));
  }

  /** Puts leaves and moments on the device, and takes up a snapshot where there is one. */
  async begin(): Promise<void> {
    await startStates(this.store, this.machine.views, this.machine.update !== undefined);
    const { scratch } = this.options.context;
    const snapshot = scratch === undefined ? undefined : await readSnapshot(scratch);
    if (snapshot === undefined) return;
    for (const [name, tensor] of snapshot.states) this.store.setState(name, tensor);
    this.step = snapshot.step;
    this.losses = snapshot.notes as LossPoint[];
  }

  async finish(): Promise<void> {
    const { signal, scratch } = this.options.context;
    while (this.step < this.steps) {
      if (signal.aborted) {
        await this.save();
        throw signal.reason;
      }
      await this.advance();
      await this.options.onStep?.({
        done: this.step,
        steps: this.steps,
        read: (weight, leaf) => this.store.readState(leafState(weight, leaf)),
        write: (weight, leaf, value) => this.store.setState(leafState(weight, leaf), value),
      });
      if (scratch !== undefined && Date.now() - this.saved > SNAPSHOT_EVERY) await this.save();
    }
  }

  private async advance(): Promise<void> {
    const { settings, sequences, context } = this.options;
    const hyper = { ...settings, learningRate: this.rate(this.step), step: this.step };
    const indices = this.batch();
    const { pass, update: apart, views } = this.machine;
    const groups = [...hyperGroups(views)].map(([name, { decayed, rate }]) => {
      const own = { ...hyper, learningRate: hyper.learningRate * rate, weightDecay: decayed ? settings.weightDecay : 0 };
      return [name, adamwHyper(own)] as const;
    });
    const update = { ...Object.fromEntries(groups), clip: f32([], [settings.clip]) };
    const changing = this.options.inputs?.(this.step, this.steps);
    const size = Math.ceil(Math.min(settings.batch, sequences.length) / settings.accumulate);
    const seen = this.visits(indices);
    const predictions = seen.reduce((sum, sequence) => sum + predictionsOf(sequence), 0);
    for (let begin = 0; begin < indices.length; begin += size) {
      const part = indices.slice(begin, begin + size);
      const given = this.passInputs(part, seen.slice(begin, begin + size), size);
      const weight = f32([], [1 / predictions]);
      const others = apart === undefined ? update : { share: f32([], [part.length / indices.length]) };
      await pass.run({ ...given, ...changing, weight, ...others }, { read: [] });
    }
    await apart?.run(update, { read: [] });
    this.step++;
    if (this.step % this.reportEvery === 0 || this.step === this.steps) await this.report();
    const last = this.losses.at(-1);
    const message = last === undefined ? undefined : `loss ${last.loss.toFixed(4)}`;
    context.emit({ type: "progress", progress: { done: this.step, total: this.steps, unit: "steps", message } });
  }

  /** What the sequences are in this epoch. */
  private visits(indices: readonly number[]): readonly Sequence[] {
    const { objective, sequences, context } = this.options;
    const at = { seed: fork(context.seed, "train"), epoch: Math.floor(this.step / this.batchesPerEpoch) };
    return visited(objective, this.machine.subject, sequences, indices, at);
  }

  private passInputs(indices: readonly number[], seen: readonly Sequence[], size: number): Record<string, HostTensor> {
    const rows = size * this.rowsEach;
    const { inputs } = batchTensors(this.machine.subject, seen, { rows, inputs: this.options.objective.inputs });
    return Object.assign({ ...inputs }, ...this.machine.kept.map((logits) => logits.inputs(indices, rows, inputs["tokens"].shape[1])));
  }

  private batch(): readonly number[] {
    const { sequences, settings, context } = this.options;
    const epoch = Math.floor(this.step / this.batchesPerEpoch);
    if (this.plan?.epoch !== epoch)
      this.plan = { epoch, batches: planEpoch(sequences, settings.batch, fork(context.seed, "train"), epoch) };
    return this.plan.batches[this.step % this.batchesPerEpoch];
  }

  private async report(): Promise<void> {
    const since = this.step - (this.losses.at(-1)?.step ?? 0);
    const loss = ((await this.store.readState(LOSS_STATE)).data[0] as number) / since;
    if (!Number.isFinite(loss)) throw diverged({ step: this.step, loss });
    this.store.setState(LOSS_STATE, zeros("f32", []));
    this.losses.push({ step: this.step, loss });
    this.options.context.emit({ type: "metric", step: this.step, loss });
  }

  private async save(): Promise<void> {
    const { scratch } = this.options.context;
    if (scratch === undefined) return;
    // Between steps the sums of gradients are 0.
    const sums = new Set(movedLeaves(this.machine.views).map(({ weight, leaf }) => gradientState(weight, leaf)));
    const states = this.store
      .states()
      .filter((name) => !sums.has(name))
      .map((name) => ({ name, shape: this.store.state(name).shape }));
    await writeSnapshot(scratch, { step: this.step, notes: this.losses, states }, (name) => this.store.readState(name));
    this.saved = Date.now();
  }
}
