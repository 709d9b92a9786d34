/** One training step as a graph: forward, loss, gradients, clipping and AdamW, all on the device. */
import { declareInputs, headOf, modelScope } from "@pare/models";
import {
  adamw,
  adamwStates,
  add,
  broadcast,
  clipScale,
  dim,
  globalNorm,
  gradients,
  mul,
  scaleGradients,
  trace,
  zeros,
  type Graph,
  type SiteRequests,
  type Store,
  type TraceOptions,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import { objectiveUnfit } from "./errors.ts";
import { logitsInput } from "./frozen-logits.ts";
import type { Objective } from "./objective.ts";
import { frozenWeight, type Subject } from "./subject.ts";
import { taskOf } from "./tasks/index.ts";
import { declareTargets } from "./tasks/task.ts";
import type { Leaf, Parametrisation, TrainableView } from "./view.ts";

/** State that sums the losses of the steps since it was last read. */
export const LOSS_STATE = "loss";

export function leafState(weight: string, leaf: string): string {
  return `${weight}#${leaf}`;
}

export interface LossInputs {
  readonly subject: Subject;
  readonly frozen: Readonly<Record<string, Subject>>;
  readonly objective: Objective;
  /** Frozen models whose logits for `inputs` are given at run time instead of computed. */
  readonly kept?: ReadonlySet<string> | undefined;
  /** Whether a run is a part of a step, so that an input says which share of it. */
  readonly inParts?: boolean | undefined;
  /** Puts trained leaves in the place of weights; undefined: the weight as it is stored. */
  readonly view?: ((weight: string) => Value | undefined) | undefined;
}

/** Traces the objective over the inputs that `batchTensors` gives, `weight` f32 `[]`, and `share` f32 `[]` with `inParts`. */
export function traceLoss(tracer: Tracer, options: LossInputs): Value {
  return traceTerms(tracer, options).loss;
}

function traceTerms(
  tracer: Tracer,
  { subject, frozen, objective, kept, inParts, view }: LossInputs,
): { readonly loss: Value; readonly share: Value } {
  const declared = declareInputs(tracer, subject.architecture, subject.checkpoint.config);
  const further = (objective.inputs ?? []).map(({ name }) => [name, tracer.input(name, "i32", [dim("batch"), dim("seq")])] as const);
  const inputs = { ...declared, extra: { ...declared.extra, ...Object.fromEntries(further) } };
  const head = headOf(subject.architecture, subject.checkpoint.config);
  const task = taskOf(subject);
  const form = task.form(head);
  const targets = declareTargets(tracer, form);
  const scope = modelScope(tracer, subject.architecture, subject.checkpoint.config, view);
  const share = inParts === true ? tracer.input("share", "f32", []) : tracer.constant(1);
  const loss = objective.loss({
    tracer,
    inputs,
    head,
    ...targets,
    choices: (output) => {
      if (task.choices === undefined || form.per === "numbers")
        throw objectiveUnfit({ objective: objective.use, task: task.task, takes: "a choice among classes" });
      return task.choices(output, { ...targets, tracer, positions: declared.positions, lengths: declared.lengths! });
    },
    weight: tracer.input("weight", "f32", []),
    share,
    forward: (given) => subject.architecture.forward(scope, subject.checkpoint.config, given),
    frozen: (name) => (given) => {
      if (given === inputs && kept?.has(name) === true) return logitsInput(tracer, name, frozen[name]);
      const { architecture, checkpoint } = frozen[name];
      return architecture.forward(modelScope(asFrozen(tracer, name), architecture, checkpoint.config), checkpoint.config, given);
    },
  });
  return { loss, share };
}

export interface StepOptions extends LossInputs {
  readonly views: ReadonlyMap<string, TrainableView>;
  /** Whether an input `clip` f32 `[]` bounds the norm of the gradients. */
  readonly clip: boolean;
  /** Whether each layer's activations are computed anew in the backward pass instead of kept. */
  readonly remat?: boolean | undefined;
  readonly sites?: SiteRequests | undefined;
  readonly penalty?: Parametrisation["penalty"];
}

/** Inputs beside the batch: those of {@link hyperGroups} f32 `[8]` (see `adamwHyper`), `clip`, and what the parametrisation declares. Adds the loss to {@link LOSS_STATE}. */
export function stepGraph(options: StepOptions): Graph {
  return trace((tracer) => {
    update(tracer, options, slopesOf(tracer, options));
    return {};
  }, tracing(options));
}

/** State in which gradients of a leaf are summed over the passes of one step. */
export function gradientState(weight: string, leaf: string): string {
  return `${leafState(weight, leaf)}/gradient`;
}

/**
 * The same step in passes over parts of its batch: `pass` adds a part's gradients to {@link gradientState} and its loss to
 * {@link LOSS_STATE}; `update`, after the last one, moves the parameters and sets the sums to 0. Inputs are those of {@link stepGraph},
 * of the batch (and `share`) for `pass` and the others for `update`.
 */
export function accumulatingGraphs(options: StepOptions): { readonly pass: Graph; readonly update: Graph } {
  const sumOf = (tracer: Tracer, { weight, leaf, shape }: MovedLeaf): Value => tracer.state(gradientState(weight, leaf), "f32", shape);
  const leaves = movedLeaves(options.views);
  return {
    pass: trace((tracer) => {
      const slopes = slopesOf(tracer, { ...options, inParts: true });
      leaves.forEach((leaf, index) => {
        const sum = sumOf(tracer, leaf);
        tracer.assign(sum, add(sum, slopes[index]));
      });
      return {};
    }, tracing(options)),
    update: trace((tracer) => {
      const sums = leaves.map((leaf) => sumOf(tracer, leaf));
      update(tracer, options, sums);
      for (const sum of sums) tracer.assign(sum, broadcast(tracer.constant(0), sum.shape));
      return {};
    }),
  };
}

interface MovedLeaf {
  readonly weight: string;
  readonly leaf: string;
  readonly shape: readonly number[];
  /** Name of the input with its hyperparameters. */
  readonly hyper: string;
}

/** Leaves that share hyperparameters. */
export interface HyperGroup {
  /** Whether weights decay. */
  readonly decayed: boolean;
  /** Factor of the learning rate. */
  readonly rate: number;
}

/** By the name of the input that holds them, the hyperparameters that leaves ask for. */
export function hyperGroups(views: ReadonlyMap<string, TrainableView>): ReadonlyMap<string, HyperGroup> {
  const leaves = [...views.values()].flatMap((view) => Object.values(view.leaves)).filter(({ group }) => group !== "constant");
  return new Map(leaves.map((leaf) => [hyperOf(leaf), { decayed: leaf.group === "decayed", rate: leaf.rate ?? 1 }]));
}

function hyperOf({ group, rate = 1 }: Leaf): string {
  return rate === 1 ? group : `${group} × ${rate}`;
}

/** The leaves that the optimizer moves. */
export function movedLeaves(views: ReadonlyMap<string, TrainableView>): readonly MovedLeaf[] {
  return [...views].flatMap(([weight, { leaves }]) =>
    Object.entries(leaves).flatMap(([name, leaf]) =>
      leaf.group === "constant" ? [] : [{ weight, leaf: name, shape: leaf.shape, hyper: hyperOf(leaf) }],
    ),
  );
}

/** Where a layer ends another begins to be computed again. */
function tracing({ subject, remat, sites }: StepOptions): TraceOptions {
  const stacks = remat === true ? subject.architecture.layers(subject.checkpoint.config) : [];
  return { sites, remat: stacks.map(({ input, prefixes }) => [input, ...prefixes.map((prefix) => prefix.slice(0, -1))]) };
}

function leafOf(tracer: Tracer, { views }: StepOptions, weight: string, leaf: string): Value {
  return tracer.state(leafState(weight, leaf), "f32", views.get(weight)!.leaves[leaf].shape);
}

/** Gradients of {@link movedLeaves}; adds the loss to its State. */
function slopesOf(tracer: Tracer, options: StepOptions): Value[] {
  const { views, penalty } = options;
  const view = (weight: string): Value | undefined => views.get(weight)?.value((name) => leafOf(tracer, options, weight, name), tracer);
  const { loss, share } = traceTerms(tracer, { ...options, view });
  const total = tracer.state(LOSS_STATE, "f32", []);
  const extra = penalty?.((weight, leaf) => leafOf(tracer, options, weight, leaf), tracer);
  const slopes = gradients(
    extra === undefined ? loss : add(loss, mul(extra, share)),
    movedLeaves(views).map(({ weight, leaf }) => leafOf(tracer, options, weight, leaf)),
  );
  tracer.assign(total, add(total, loss));
  return slopes;
}

function update(tracer: Tracer, options: StepOptions, slopes: readonly Value[]): void {
  const leaves = new Map(movedLeaves(options.views).map((leaf, index) => [leafState(leaf.weight, leaf.leaf), { ...leaf, index }]));
  const scale = options.clip ? clipScale(globalNorm(slopes), tracer.input("clip", "f32", [])) : undefined;
  const hyper = Object.fromEntries(
    [...hyperGroups(options.views).keys()].map((group) => {
      const given = tracer.input(group, "f32", [8]);
      return [group, scale === undefined ? given : scaleGradients(given, scale)];
    }),
  );
  adamw({
    tracer,
    parameters: Object.fromEntries([...leaves].map(([state, { weight, leaf }]) => [state, leafOf(tracer, options, weight, leaf)])),
    gradients: Object.fromEntries([...leaves].map(([state, { index }]) => [state, slopes[index]])),
    hyper: (state) => hyper[leaves.get(state)!.hyper],
  });
}

/** The tracer as a frozen model sees it: weights under its name, sites out of reach. */
function asFrozen(tracer: Tracer, model: string): Tracer {
  return {
    ...tracer,
    weight: (name, shape) => tracer.weight(frozenWeight(model, name), shape),
    site: (_name, value) => value,
    observe: () => {},
  };
}

/** Puts on the device what the graphs of a step keep: leaves, their moments, the loss, and with `sums` the gradients that passes add up. */
export async function startStates(store: Store, views: ReadonlyMap<string, TrainableView>, sums: boolean): Promise<void> {
  for (const [name, { leaves }] of views) {
    for (const [leaf, { shape, initial, group }] of Object.entries(leaves)) {
      const state = leafState(name, leaf);
      store.setState(state, await initial());
      if (group === "constant") continue;
      for (const moment of Object.values(adamwStates(state))) store.createState(moment, "f32", shape);
      if (sums) store.createState(gradientState(name, leaf), "f32", shape);
    }
  }
  store.setState(LOSS_STATE, zeros("f32", []));
}
