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

export const importanceMissing: ErrorFactory<{ use: string; score: string; found: string | undefined }> = defineError(
  "prune/importance-missing",
  "Heads were to be scored by importance, with neither such importance in the run state nor data to measure it on.",
  ({ use, score, found }) => ({
    message: `${use} has nothing to measure importance on`,
    field: "data",
    expected: `\`data\`, or a \`prune/head-importance\` step of score "${score}" before this one`,
    found: found === undefined ? "neither" : `importance by "${found}"`,
    next: 'Name calibration data, or choose the score "magnitude", which needs none.',
  }),
);

export const tooManyLayers: ErrorFactory<{ asked: number; stack: string; total: number }> = defineError(
  "prune/too-many-layers",
  "All layers of a stack were to go: one has to stay.",
  ({ asked, stack, total }) => ({
    message: "so many layers cannot be removed",
    field: "count",
    expected: `at most ${total - 1}, one staying in ${stack}`,
    found: `${asked} of ${total}`,
    next: "Ask for fewer layers.",
  }),
);

export const layerUnknown: ErrorFactory<{ layer: number; stack: string; total: number }> = defineError(
  "prune/layer-unknown",
  "A layer was to go that the model does not have.",
  ({ layer, stack, total }) => ({
    message: "there is no such layer",
    field: "remove",
    expected: `0 to ${total - 1}, the layers of ${stack}`,
    found: String(layer),
    next: "Layers count from 0: `pare inspect` shows them.",
  }),
);

export const stackUnknown: ErrorFactory<{ asked: string | undefined; known: readonly string[] }> = defineError(
  "prune/stack-unknown",
  "Layers were to go from a stack that the model does not have, or from none of several.",
  ({ asked, known }) => ({
    message: asked === undefined ? "the model has several stacks of layers" : "there is no such stack of layers",
    field: "stack",
    expected: known.join(" or "),
    found: asked ?? "nothing",
    next: "Name one in `stack`.",
  }),
);

export const layerDataMissing: ErrorFactory<{ score: string }> = defineError(
  "prune/layer-data-missing",
  "Layers were to be scored on data, and none was given.",
  ({ score }) => ({
    message: `the score "${score}" has nothing to measure on`,
    field: "data",
    expected: "calibration data",
    found: "nothing",
    next: 'Name calibration data, or choose the score "every-other", "top" or "bottom", which need none.',
  }),
);

export const axisBound: ErrorFactory<{ what: string; why: string }> = defineError(
  "prune/axis-bound",
  "Rows and columns were to go along an axis that the model's computation does not let go of.",
  ({ what, why }) => ({
    message: "this axis cannot be cut",
    field: what,
    expected: "an axis that every op on its way can lose indices of",
    found: why,
    next: "An op that can lose them says so in `axes` of its definition; else choose another structure to prune.",
  }),
);

export const configDisagrees: ErrorFactory<{ weight: string; expected: readonly number[]; found: readonly number[] }> = defineError(
  "prune/config-disagrees",
  "The architecture's config after a cut asks for a weight of another shape than the cut leaves.",
  ({ weight, expected, found }) => ({
    message: "config and weights would not fit any more",
    field: weight,
    expected: `[${expected.join(", ")}], as the architecture says of its new config`,
    found: `[${found.join(", ")}]`,
    next: "Mend the architecture: its `withHeads`, `withNeurons` and `withHidden` say the config that the graph's cut leaves.",
  }),
);

export const partUnknown: ErrorFactory<{ field: string; found: string; near: readonly string[] }> = defineError(
  "prune/part-unknown",
  "A share was given for a weight or site that this stage does not prune in this model.",
  ({ field, found, near }) => ({
    message: "there is nothing of this name to prune",
    field,
    expected: near.length > 0 ? near.join(" or ") : "the name of a weight or site that the stage prunes",
    found,
    next: "`pare inspect` lists the weights; sites are those of the architecture's heads or neurons.",
  }),
);

export const attentionUnseen: ErrorFactory<{ architecture: string; site: string }> = defineError(
  "prune/attention-unseen",
  "Heads were to be scored by their attention weights, which this architecture does not show.",
  ({ architecture, site }) => ({
    message: `the attention weights of ${architecture} cannot be looked at`,
    field: site,
    expected: "a site of the attention weights in the architecture's `heads`",
    found: "none",
    next: 'Choose the score "michel", or let the architecture name the site as `weights`.',
  }),
);

export const sensitivityMissing: ErrorFactory<{ use: string; of: string }> = defineError(
  "prune/sensitivity-missing",
  "A budget was to be allotted without a scan, or in seconds after a scan that timed nothing.",
  ({ use, of }) => ({
    message: `${use} has nothing to weigh`,
    field: of,
    expected: "a `prune/scan` step before this one; with `latency` for a budget in seconds",
    next: "Put the scan earlier in the recipe.",
  }),
);

export const budgetUnreachable: ErrorFactory<{ of: string; limit: number; least: number }> = defineError(
  "prune/budget-unreachable",
  "Even the largest shares that were scanned leave more than the budget allows.",
  ({ of, limit, least }) => ({
    message: "the budget cannot be kept",
    field: "budget",
    expected: `at least ${least} ${of}, with the largest share of every part`,
    found: String(limit),
    next: "Scan larger shares, or allow more.",
  }),
);

export const widthFixed: ErrorFactory<{ architecture: string }> = defineError(
  "prune/width-fixed",
  "Channels were to go from the residual stream of an architecture that has one width alone.",
  ({ architecture }) => ({
    message: `the width of ${architecture} cannot change`,
    field: "model",
    expected: "an architecture that defines `hidden` and `withHidden`",
    found: architecture,
    next: "Prune heads, neurons or layers, or let the architecture say its config of another width.",
  }),
);

export const widthInvalid: ErrorFactory<{ asked: number; width: number }> = defineError(
  "prune/width-invalid",
  "The residual stream was to become wider than it is.",
  ({ asked, width }) => ({
    message: "the stream does not get wider",
    field: "size",
    expected: `1 to ${width}`,
    found: String(asked),
    next: "Ask for the width that is to be left.",
  }),
);

export const embeddingFixed: ErrorFactory<{ architecture: string; factored: boolean }> = defineError(
  "prune/embedding-fixed",
  "A token embedding was to be factorised that is a product already, or of an architecture that has one table alone.",
  ({ architecture, factored }) => ({
    message: factored ? "the embedding is factorised already" : `the embedding of ${architecture} is one table and stays one`,
    field: "model",
    expected: "a whole table, of an architecture that defines `embedding` and `withEmbedding`",
    found: architecture,
    next: "Prune the vocabulary or the width instead.",
  }),
);

export const embeddingNotSmaller: ErrorFactory<{ size: number; parameters: number; whole: number }> = defineError(
  "prune/embedding-not-smaller",
  "The factors of the token embedding would hold no fewer numbers than the table.",
  ({ size, parameters, whole }) => ({
    message: "the factors are not smaller than the table",
    field: "size",
    expected: `a width with fewer than ${whole} parameters`,
    found: `${size}, with ${parameters}`,
    next: "Ask for a smaller width.",
  }),
);
