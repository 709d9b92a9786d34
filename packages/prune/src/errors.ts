/** Every error of prune. */
import { defineError, type ErrorFactory } from "@pare/core";

export const tooManyHeads: ErrorFactory<{ asked: number; limit: number; found: readonly number[] }> = defineError(
  "prune/too-many-heads",
  "More attention heads were to go than can: every layer keeps at least one.",
  ({ asked, limit, found }) => ({
    message: "so many heads cannot be removed",
    field: "count",
    expected: `at most ${limit} heads, one staying in each attention layer`,
    found: `${asked} heads, of layers with ${found.join(", ")}`,
    next: "Ask for fewer heads; to remove whole layers use a stage that does that.",
  }),
);

export const quantizedWeight: ErrorFactory<{ weight: string; storage: string }> = defineError(
  "prune/quantized-weight",
  "A quantized weight was to be pruned: its codes were rounded for values that pruning changes.",
  ({ weight, storage }) => ({
    message: "a quantized weight cannot be pruned",
    field: weight,
    found: storage,
    next: "Prune first and quantize after it: put the pruning step earlier in the recipe.",
  }),
);

export const notFinite: ErrorFactory<{ weight: string; index: number; found: number }> = defineError(
  "prune/not-finite",
  "A weight to be pruned holds NaN or infinity, which has no rank.",
  ({ weight, index, found }) => ({
    message: "a value that is not finite cannot be ranked",
    field: weight,
    expected: "finite numbers",
    found: `${found} at element ${index}`,
    next: "Mend or retrain the checkpoint: the weight was damaged before this step.",
  }),
);

export const importanceUnfit: ErrorFactory<{ expected: string; found: string }> = defineError(
  "prune/importance-unfit",
  "The head importance in the run state was measured on a model with other heads.",
  ({ expected, found }) => ({
    message: "this importance belongs to another model",
    field: "importance",
    expected,
    found,
    next: "Measure it again with `prune/head-importance` right before the heads are removed.",
  }),
);

export const importanceMissing: ErrorFactory<{ use: string }> = defineError(
  "prune/importance-missing",
  "Heads were to be scored by importance, with neither importance in the run state nor data to measure it on.",
  ({ use }) => ({
    message: `${use} has nothing to measure importance on`,
    field: "data",
    expected: "`data`, or a `prune/head-importance` step before this one",
    next: 'Name calibration data, or choose the score "magnitude", which needs none.',
  }),
);
