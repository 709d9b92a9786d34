export { magnitude, type MagnitudeOptions } from "./magnitude.ts";
export { heads, type HeadsOptions } from "./heads.ts";
export { measureHeads, type HeadImportanceOptions } from "./head-importance.ts";
export { headImportance, headImportanceArtifact, type HeadImportance } from "./importance.ts";
export { michelImportance, type MichelOptions } from "./michel.ts";
export { chooseHeads, normaliseByLayer, type HeadChoice, type HeadScores } from "./head-choice.ts";
export { storePruned, type PrunedStorage } from "./store-pruned.ts";
export type { Pattern } from "./score.ts";
export type { PruneState, Retrain } from "./retrain.ts";
export {
  axisBound,
  configDisagrees,
  importanceMissing,
  importanceUnfit,
  layerDataMissing,
  layerUnknown,
  notFinite,
  quantizedWeight,
  stackUnknown,
  tooManyHeads,
  tooManyLayers,
} from "./errors.ts";
export { wanda, type WandaOptions } from "./wanda.ts";
export { sparsegpt, type SparseGptOptions } from "./sparsegpt.ts";
export type { CalibratedPruningOptions } from "./calibrated-pruning.ts";
export type { NOfM } from "./n-of-m.ts";
export { layers, type LayersOptions } from "./layers.ts";
export { blockInfluence, type BlockInfluenceOptions } from "./block-influence.ts";
export { dependenciesOf, type Dependencies, type Kept } from "./dependencies.ts";
export type { Axis } from "./axis.ts";
export type { Cut } from "./cuts.ts";
export { neurons, type NeuronsOptions } from "./neurons.ts";
export { gradual, type GradualOptions } from "./gradual.ts";
