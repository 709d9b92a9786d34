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
  type Wanted,
} from "./data/data.ts";
export { pieceOptions, splitText, textData, type PieceOptions, type TextOptions } from "./data/text.ts";
export { rowsData, type RowsOptions } from "./data/rows.ts";
export { encodeExample, hashExample, type Written } from "./encode.ts";
export { mostRows, predictionsOf, rowsOf, writtenSequence, type Row, type Sequence } from "./sequence.ts";
export { batchTensors, planEpoch, planSorted, type BatchOptions, type BatchTensors } from "./batches.ts";
export { formOf, taskOf } from "./tasks/index.ts";
export type { Choices, ChoiceScope, EncodeScope, TargetForm, Targets, Task } from "./tasks/task.ts";
export {
  checkWanted,
  objectiveField,
  objectiveFor,
  resolveObjective,
  visited,
  type Forward,
  type Objective,
  type ObjectiveDefinition,
  type ObjectivePlugin,
  type ObjectiveReference,
  type ObjectiveScope,
} from "./objective.ts";
export { finetune, type FinetuneOptions } from "./finetune.ts";
export { attachHead, hasClasses, type AttachHeadOptions } from "./head.ts";
export { dataFields, encodeAll, prepareSequences, type DataOptions, type Prepared } from "./sequences.ts";
export { nextToken, nextTokenObjective, crossEntropyLoss } from "./objectives/next-token.ts";
export { maskedToken, maskedTokenObjective, type MaskedTokenSettings } from "./objectives/masked-token.ts";
export { permutedToken, permutedTokenObjective, type PermutedTokenSettings } from "./objectives/permuted-token.ts";
export { sequenceClassification, sequenceClassificationObjective } from "./objectives/sequence-classification.ts";
export {
  multipleChoice,
  multipleChoiceObjective,
  questionAnswering,
  questionAnsweringObjective,
  sentenceEmbedding,
  sentenceEmbeddingObjective,
  tokenClassification,
  tokenClassificationObjective,
} from "./objectives/choices.ts";
export { traceLoss, type LossInputs } from "./step-graph.ts";
export { deviceOf, frozenSubjects, frozenWeight, listeners, storedWeights, subjectOf, type Subject } from "./subject.ts";
export { ONE_LENGTH, oneLength, trainFields, type TrainOptionsGiven, type TrainSettings } from "./settings.ts";
export { trainAll, type Leaf, type Parametrisation, type TrainableView, type Views } from "./view.ts";
export { train, type LossPoint, type StepDone, type Trained, type TrainOptions } from "./train.ts";
export {
  dataEmpty,
  dataFileMissing,
  deviceMissing,
  diverged,
  exampleEmpty,
  exampleTooLong,
  exampleUnfit,
  inputsNotFinite,
  labelsMissing,
  modelMissing,
  nothingWanted,
  notPositiveDefinite,
  objectiveUnfit,
  rowInvalid,
  separatorInvalid,
  snapshotInvalid,
  taskUnknown,
  tokenizerIncomplete,
} from "./errors.ts";
export { changeLayers, type ChangeLayersOptions, type InputStatistic, type LinearInputs } from "./calibration/layer-inputs.ts";
export { siteMeans, type SiteMeansOptions } from "./calibration/site-means.ts";
export { inverseFactor } from "./calibration/inverse-factor.ts";
export { sweepColumns, type SweepOptions } from "./calibration/sweep.ts";
export { calibrationFields, type CalibrationOptions, type CalibrationSettings } from "./calibration/options.ts";
