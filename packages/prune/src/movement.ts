import { defineStage, type Stage } from "@pare/core";
import type { Checkpoint, WeightSpec } from "@pare/models";
import { add, f32, greater, mul, sigmoid, straightThrough, sum, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { ONE_LENGTH, oneLength, type Leaf, type StepDone, type TrainableView } from "@pare/training";
import { z } from "zod";
import { countOf } from "./calibrated-pruning.ts";
import { linearWeights } from "./prunable.ts";
import type { PruneState } from "./retrain.ts";
import { patternField, type Pattern } from "./score.ts";
import { orderedKey, selector, thresholdOf } from "./select.ts";
import { storageField, type PrunedStorage } from "./store-pruned.ts";
import { linearViews, trainAndPrune, trainedFields, type TrainedPruningOptions, type TrainedPruningSettings } from "./trained-pruning.ts";
import { throughUnits, unitShape } from "./unit-view.ts";

const ID = "prune/movement";
const VERSION = 1;
const SCORES = "scores";
const MASK = "mask";
const THRESHOLD = "movement/threshold";
const PENALTY = "movement/penalty";

/** Options of {@link movement}. */
export interface MovementOptions extends TrainedPruningOptions {
  /** Hard: share of each matrix that is gone at the end; at least 0, below 1. Exactly one of `sparsity` and `threshold` is given. */
  readonly sparsity?: number | undefined;
  /** Soft: weights stay whose σ(score) is above this at the end; between 0 and 1, 0.1 in the paper. */
  readonly threshold?: number | undefined;
  /** Soft: λ, what the mean of σ(score) costs at the end; more prunes more. */
  readonly penalty?: number | undefined;
  /** What has a score: single weights (default), or blocks of outputs × inputs. */
  readonly pattern?: Pattern | undefined;
  /** Share of the steps before anything is pruned, default 0.1, and after which all is that will be, default 0.7. */
  readonly begin?: number | undefined;
  readonly end?: number | undefined;
  /** Hard: steps between two choices of what stays, default 10. */
  readonly every?: number | undefined;
  /** Factor of the learning rate for scores, default 10. */
  readonly rate?: number | undefined;
  /** How pruned weights leave: sparse, dense beside their mask, or whichever is smaller (default). */
  readonly storage?: PrunedStorage | undefined;
}

interface Settings extends TrainedPruningSettings {
  readonly sparsity?: number | undefined;
  readonly threshold?: number | undefined;
  readonly penalty?: number | undefined;
  readonly pattern: Pattern;
  readonly begin: number;
  readonly end: number;
  readonly every: number;
  readonly rate: number;
  readonly storage: PrunedStorage;
}

const options: z.ZodType<Settings, MovementOptions> = z
  .object({
    ...trainedFields,
    sparsity: z.number().min(0).lt(1).optional().describe("hard: share of each matrix that is gone at the end"),
    threshold: z.number().gt(0).lt(1).optional().describe("soft: what stays has a σ(score) above this at the end"),
    penalty: z.number().min(0).optional().describe("soft: λ, what the mean of σ(score) costs at the end"),
    pattern: patternField.default("unstructured").describe("what has a score: single weights, or blocks of outputs × inputs"),
    begin: z.number().min(0).lt(1).default(0.1).describe("share of the steps before anything is pruned"),
    end: z.number().gt(0).max(1).default(0.7).describe("share of the steps after which all is pruned that will be"),
    every: z.int().min(1).default(10).describe("hard: steps between two choices of what stays"),
    rate: z.number().positive().default(10).describe("factor of the learning rate for scores"),
    storage: storageField,
  })
  .refine(oneLength, ONE_LENGTH)
  .refine(({ sparsity, threshold }) => (sparsity === undefined) !== (threshold === undefined), {
    message: "give `sparsity` (hard), or `threshold` and `penalty` (soft)",
    path: ["sparsity"],
  })
  .refine(({ threshold, penalty }) => (threshold === undefined) === (penalty === undefined), {
    message: "`threshold` and `penalty` go together",
    path: ["penalty"],
  })
  .refine(({ begin, end }) => begin < end, { message: "`begin` is less than `end`", path: ["begin"] });

/**
 * Trains the model together with a score per linear weight, or block of them, and keeps what moves away from zero (Sanh, Wolf and Rush
 * 2020). The mask is a function of the scores alone, and gradients pass it straight through: ∂L/∂S = ∂L/∂W′ ⊙ W.
 *
 * Hard (`sparsity`): ⌊share · n⌋ of each matrix are masked, those of least score, the share rising by the cubic schedule of Zhu and Gupta
 * (2017) between `begin` and `end`. Soft (`threshold`): what has σ(S) ≤ τ is masked and λ · mean σ(S) is added to the loss, τ and λ rising
 * by the same schedule; how much goes follows from them and is a metric of the run. Masked weights keep their values while training may
 * still bring them back. What earlier steps pruned stays pruned.
 *
 * @throws `prune/quantized-weight`, what `prepareSequences` and `train` throw, and the retraining step.
 */
export const movement: Stage<typeof ID, MovementOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const linear = linearWeights(state.model, context);
    const { threshold = 0, penalty = 0 } = given;
    const units = linear.reduce((sum, spec) => sum + unitShape(spec, given.pattern).reduce((a, b) => a * b), 0);
    const count = { gone: 0 };
    const method = { use: ID, version: VERSION, state, given, context };
    const finish = async (trained: Checkpoint): Promise<Checkpoint> => {
      context.emit({ type: "metric", name: "share that is gone", value: count.gone / units });
      return trained;
    };
    if (given.sparsity !== undefined) {
      const views = linearViews((spec, stored) => hardView(spec, stored, given, count));
      return await trainAndPrune({ ...method, views, finish, onStep: (step) => choose(linear, step, given) });
    }
    return await trainAndPrune({
      ...method,
      finish,
      views: linearViews((spec, stored) => softView(spec, stored, given, count)),
      penalty: (leaf, tracer) => {
        const sums = linear.map(({ name }) => sum(sigmoid(leaf(name, SCORES)), [0, 1]));
        return mul(mul(sums.reduce(add), 1 / units), tracer.input(PENALTY, "f32", []));
      },
      inputs: (done, steps) => {
        const risen = progressOf(done / steps, given);
        return { [THRESHOLD]: f32([], [threshold * risen]), [PENALTY]: f32([], [penalty * risen]) };
      },
    });
  },
});

/** 1 − (1 − x)³ between `begin` and `end` of the run, 0 before and 1 after. */
function progressOf(done: number, { begin, end }: Settings): number {
  const x = Math.min(1, Math.max(0, (done - begin) / (end - begin)));
  return 1 - (1 - x) ** 3;
}

interface Count {
  /** Units that were pruned. */
  gone: number;
}

function scoreLeaf(shape: readonly number[], { rate }: Settings): Leaf {
  return { shape, initial: async () => f32(shape, new Float32Array(shape[0] * shape[1])), group: "plain", rate };
}

/** The mask is a leaf that {@link choose} sets between steps. */
function hardView(spec: WeightSpec, stored: StoredWeight, given: Settings, count: Count): TrainableView {
  const shape = unitShape(spec, given.pattern);
  const open: Leaf = { shape, initial: async () => f32(shape, new Float32Array(shape[0] * shape[1]).fill(1)), group: "constant" };
  return throughUnits(stored, given.pattern, given.storage, {
    leaves: { [SCORES]: scoreLeaf(shape, given), [MASK]: open },
    factor: (leaf) => straightThrough(leaf(MASK), leaf(SCORES)),
    final: async (leaf) => counted((await leaf(MASK)).data as Float32Array, count),
  });
}

function softView(spec: WeightSpec, stored: StoredWeight, given: Settings, count: Count): TrainableView {
  const { threshold = 0, pattern, storage } = given;
  return throughUnits(stored, pattern, storage, {
    leaves: { [SCORES]: scoreLeaf(unitShape(spec, pattern), given) },
    factor: (leaf, tracer) => straightThrough(greater(sigmoid(leaf(SCORES)), tracer.input(THRESHOLD, "f32", [])), leaf(SCORES)),
    final: async (leaf) =>
      counted(
        Float32Array.from((await leaf(SCORES)).data as Float32Array, (score) => (1 / (1 + Math.exp(-score)) > threshold ? 1 : 0)),
        count,
      ),
  });
}

function counted(mask: Float32Array, count: Count): Float32Array {
  count.gone += mask.filter((bit) => bit === 0).length;
  return mask;
}

/** Keeps the largest scores of each matrix, as many as the schedule says. */
async function choose(linear: readonly WeightSpec[], { done, steps, read, write }: StepDone, given: Settings): Promise<void> {
  if (done % given.every !== 0 && done !== steps) return;
  // The last choice is the whole share, wherever `end` lies between two of them.
  const share = given.sparsity! * (done === steps ? 1 : progressOf(done / steps, given));
  if (share === 0) return;
  for (const { name } of linear) {
    const scores: HostTensor = await read(name, SCORES);
    const keys = Uint32Array.from(scores.data as Float32Array, orderedKey);
    const kept = selector(thresholdOf(keys, countOf(share, keys.length)))(keys);
    write(name, MASK, f32(scores.shape, Float32Array.from(kept)));
  }
}
