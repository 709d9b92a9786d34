export { magnitude, type MagnitudeOptions } from "./magnitude.ts";
export { heads, type HeadsOptions } from "./heads.ts";
export { measureHeads, type HeadImportanceOptions } from "./head-importance.ts";
export { headImportance, headImportanceArtifact, type HeadImportance, type MeasuredScore } from "./importance.ts";
export { michelImportance, type GatedSite, type MichelOptions } from "./michel.ts";
export { chooseHeads, normaliseByLayer, type HeadChoice, type HeadScores } from "./head-choice.ts";
export { storePruned, type PrunedStorage } from "./store-pruned.ts";
export type { Pattern } from "./score.ts";
export type { PruneState, Retrain } from "./retrain.ts";
export {
  attentionUnseen,
  axisBound,
  budgetUnreachable,
  configDisagrees,
  embeddingFixed,
  embeddingNotSmaller,
  importanceMissing,
  importanceUnfit,
  layerDataMissing,
  layerUnknown,
  notFinite,
  partUnknown,
  quantizedWeight,
  sensitivityMissing,
  stackUnknown,
  tooManyHeads,
  tooManyLayers,
  widthFixed,
  widthInvalid,
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
export { trial, type Trial, type TrialOptions } from "./trial.ts";
export { scan, type ScanOptions } from "./scan.ts";
export { sensitivityChart } from "./sensitivity-chart.ts";
export { sensitivityTable, type Currency, type ScanGroup, type ScanPoint, type Sensitivity } from "./sensitivity.ts";
export { allocate, type AllocateOptions, type Allocation, type Budget } from "./allocate.ts";
export type { Costs, LatencyOptions } from "./measures.ts";
export type { Share } from "./share.ts";
export { vocabulary, type VocabularyOptions } from "./vocabulary.ts";
export { embedding, type EmbeddingOptions } from "./embedding.ts";
export { width, type WidthOptions } from "./width.ts";
export { neurons, type NeuronsOptions } from "./neurons.ts";
export { gradual, type GradualOptions } from "./gradual.ts";
export { movement, type MovementOptions } from "./movement.ts";
export { l0, type L0Options } from "./l0.ts";
export { headGates, type HeadGatesOptions } from "./head-gates.ts";
export { layerDrop, type LayerDropOptions } from "./layerdrop.ts";
export { lotteryTicket, type LotteryTicketOptions } from "./lottery-ticket.ts";
export { layerShortcuts, type LayerShortcut, type LayerShortcutsOptions, type LayerShortcutsReport } from "./layer-shortcuts.ts";
export { headConfidence, headNegentropy, type AttentionScoreOptions } from "./attention-scores.ts";
export type { HardConcreteOptions } from "./hard-concrete.ts";
export type { TrainedPruningOptions } from "./trained-pruning.ts";
