/** Head importance from gradients, on calibration data. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import {
  abs,
  add,
  compile,
  createStore,
  dim,
  f32,
  gradients,
  mul,
  reshape,
  sum,
  trace,
  zeros,
  type Graph,
  type HostTensor,
} from "@pare/tensor-core";
import {
  batchTensors,
  checkWanted,
  deviceOf,
  frozenSubjects,
  listeners,
  mostRows,
  planSorted,
  predictionsOf,
  rowsOf,
  storedWeights,
  subjectOf,
  traceLoss,
  visited,
  type LossInputs,
  type Objective,
  type Sequence,
} from "@pare/training";
import type { HeadScores } from "./head-choice.ts";

/** A site whose gate axis has this many units: heads, neurons, channels of the residual stream. */
export interface GatedSite {
  readonly site: string;
  readonly units: number;
}

export interface MichelOptions {
  /** Default: the model's heads. */
  readonly groups?: readonly GatedSite[] | undefined;
  readonly model: Checkpoint;
  /** Frozen models by the names that the objective reads them under. */
  readonly models?: Readonly<Record<string, Checkpoint>> | undefined;
  readonly objective: Objective;
  readonly sequences: readonly Sequence[];
  /** Sequences per run; does not change the result but for rounding. */
  readonly batch: number;
  readonly context: Context;
}

/**
 * I_h = E |∂L(x) / ∂ξ_h| at ξ = 1, where ξ_h multiplies the output of head h: the same as E |Attn_h(x)ᵀ ∂L(x) / ∂Attn_h(x)|
 * (Michel, Levy and Neubig 2019, equation 2). L(x) is the mean loss over the predicted tokens of one example, so that long
 * and short ones count alike. With gates on neurons or on channels it is
 * the first-order Taylor term of taking one out (Molchanov et al., "Pruning convolutional neural networks for resource efficient
 * inference", 2017). The sum stays on the device; memory does not grow with the data.
 */
export async function michelImportance({
  groups: given,
  model,
  models = {},
  objective,
  sequences,
  batch,
  context,
}: MichelOptions): Promise<HeadScores> {
  const device = deviceOf(context, "prune/head-importance");
  const subject = subjectOf(model, context.registry);
  checkWanted(sequences, subject);
  const frozen = frozenSubjects(objective, models, context);
  const groups =
    given ?? subject.architecture.heads(model.config).map(({ site, keyValueHeads }) => ({ site, units: keyValueHeads.length }));
  const store = createStore(device, { weights: storedWeights(subject, frozen) });
  const compiled = compile(importanceGraph(groups, { subject, frozen, objective }), { store, ...listeners(context, device) });
  try {
    for (const { site, units } of groups) store.setState(stateOf(site), zeros("f32", [units]));
    const rows = Math.min(batch, sequences.length) * mostRows(sequences);
    const seen = visited(objective, subject, sequences, [...sequences.keys()], { seed: context.seed });
    let done = 0;
    for (const indices of planSorted(sequences, batch)) {
      context.signal.throwIfAborted();
      const chosen = indices.map((index) => seen[index]);
      const { inputs } = batchTensors(subject, chosen, { rows, inputs: objective.inputs });
      await compiled.run({ ...inputs, ...gateInputs(groups, chosen, rows) }, { read: [] });
      done += indices.length;
      context.emit({ type: "progress", progress: { done, total: sequences.length, unit: "examples", message: "importance" } });
    }
    const scores = new Map<string, readonly number[]>();
    for (const { site } of groups)
      scores.set(
        site,
        Array.from((await store.readState(stateOf(site))).data as Float32Array, (total) => total / sequences.length),
      );
    return scores;
  } finally {
    compiled.dispose();
    await store.dispose();
  }
}

function importanceGraph(groups: readonly GatedSite[], loss: LossInputs): Graph {
  const sites = Object.fromEntries(groups.map(({ site }) => [site, { gate: { input: gateOf(site), perExample: true } }]));
  return trace(
    (tracer) => {
      const total = traceLoss(tracer, loss);
      const batch = dim("batch");
      // Rows of a batch do not meet, so the gradient of the sum of losses holds each row's own.
      const gates = groups.map(({ site, units }) => tracer.input(gateOf(site), "f32", [batch, units]));
      const grads = gradients(total, gates);
      const share = reshape(tracer.input("share", "f32", [batch]), [batch, 1]);
      groups.forEach(({ site, units }, index) => {
        const state = tracer.state(stateOf(site), "f32", [units]);
        tracer.assign(state, add(state, sum(mul(abs(grads[index]), share), [0])));
      });
      return {};
    },
    { sites },
  );
}

/** All gates open; the loss as a sum over what is predicted (weight 1), and each row's gradient divided by the predictions of its example. */
function gateInputs(groups: readonly GatedSite[], sequences: readonly Sequence[], rows: number): Record<string, HostTensor> {
  const share = new Float32Array(rows);
  const shares = sequences.flatMap((sequence) => rowsOf(sequence).map(() => 1 / predictionsOf(sequence)));
  share.set(shares);
  const gates = groups.map(({ site, units }) => [gateOf(site), f32([rows, units], new Float32Array(rows * units).fill(1))] as const);
  return { ...Object.fromEntries(gates), share: f32([rows], share), weight: f32([], [1]) };
}

function gateOf(site: string): string {
  return `gate/${site}`;
}

function stateOf(site: string): string {
  return `importance/${site}`;
}
