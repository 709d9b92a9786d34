export {
  hashExamples,
  isDataReference,
  openData,
  type DataDefinition,
  type DataPlugin,
  type DataReference,
  type DataSet,
  type Example,
  type Part,
} from "./data/data.ts";
export { pieceOptions, splitText, textData, type PieceOptions, type TextOptions } from "./data/text.ts";
export { encodeExample, hashExample, type Sequence } from "./encode.ts";
export { batchTensors, planEpoch, planSorted, type BatchTensors } from "./batches.ts";
export {
  objectiveField,
  resolveObjective,
  type Forward,
  type Objective,
  type ObjectiveDefinition,
  type ObjectivePlugin,
  type ObjectiveReference,
  type ObjectiveScope,
} from "./objective.ts";
export { finetune, type FinetuneOptions } from "./finetune.ts";
export { dataFields, prepareSequences, type DataOptions, type Prepared } from "./sequences.ts";
export { nextToken, nextTokenObjective, crossEntropyLoss } from "./objectives/next-token.ts";
export { traceLoss, type LossInputs } from "./step-graph.ts";
export { deviceOf, frozenSubjects, frozenWeight, listeners, storedWeights, subjectOf, type Subject } from "./subject.ts";
export { ONE_LENGTH, oneLength, trainFields, type TrainOptionsGiven, type TrainSettings } from "./settings.ts";
export { trainAll, type Leaf, type TrainableView, type Views } from "./view.ts";
export { train, type LossPoint, type Trained, type TrainOptions } from "./train.ts";
export {
  dataEmpty,
  dataFileMissing,
  deviceMissing,
  diverged,
  exampleEmpty,
  inputsNotFinite,
  modelMissing,
  notPositiveDefinite,
  separatorInvalid,
  snapshotInvalid,
  tokenizerIncomplete,
} from "./errors.ts";
export { changeLayers, type ChangeLayersOptions, type InputStatistic, type LinearInputs } from "./calibration/layer-inputs.ts";
export { siteMeans, type SiteMeansOptions } from "./calibration/site-means.ts";
export { inverseFactor } from "./calibration/inverse-factor.ts";
export { sweepColumns, type SweepOptions } from "./calibration/sweep.ts";
export { calibrationFields, type CalibrationOptions, type CalibrationSettings } from "./calibration/options.ts";
