/** The loss of a model on data that it is not trained on. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { add, compile, createStore, f32, trace, zeros, type SiteRequests } from "@pare/tensor-core";
import {
  batchTensors,
  checkWanted,
  deviceOf,
  frozenSubjects,
  listeners,
  planSorted,
  storedWeights,
  subjectOf,
  traceLoss,
  visited,
  type Objective,
  type Sequence,
} from "@pare/training";

export interface HeldOutLossOptions {
  readonly model: Checkpoint;
  /** Frozen models by the names that the objective reads them under. */
  readonly models: Readonly<Record<string, Checkpoint>>;
  readonly objective: Objective;
  readonly sequences: readonly Sequence[];
  /** Sequences per run on the device; changes nothing but rounding. */
  readonly batch: number;
  readonly context: Context;
  /** Stage that asks, for messages. */
  readonly use: string;
  /** What is asked for at sites of the model. */
  readonly sites?: SiteRequests | undefined;
}

/** The mean over the predicted tokens. Throws `training/device-missing` and what the objective throws. */
export async function heldOutLoss({
  model,
  models,
  objective,
  sequences,
  batch,
  context,
  use,
  sites,
}: HeldOutLossOptions): Promise<number> {
  const device = deviceOf(context, use);
  const subject = subjectOf(model, context.registry);
  checkWanted(sequences, subject);
  const frozen = frozenSubjects(objective, models, context);
  const store = createStore(device, { weights: storedWeights(subject, frozen) });
  const graph = trace(
    (tracer) => {
      const total = tracer.state(STATE, "f32", []);
      tracer.assign(total, add(total, traceLoss(tracer, { subject, frozen, objective })));
      return {};
    },
    { sites },
  );
  const compiled = compile(graph, { store, ...listeners(context, device) });
  try {
    store.setState(STATE, zeros("f32", []));
    let predictions = 0;
    for (const indices of planSorted(sequences, batch)) {
      context.signal.throwIfAborted();
      const seen = visited(objective, subject, sequences, indices, { seed: context.seed });
      const tensors = batchTensors(subject, seen, { inputs: objective.inputs });
      // Weight 1: the loss as a sum over tokens.
      await compiled.run({ ...tensors.inputs, weight: f32([], [1]) });
      predictions += tensors.predictions;
    }
    const { data } = await store.readState(STATE);
    return (data[0] as number) / predictions;
  } finally {
    compiled.dispose();
    await store.dispose();
  }
}

const STATE = "held-out-loss";
