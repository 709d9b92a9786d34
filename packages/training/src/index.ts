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
  resolveObjective,
  type Forward,
  type Objective,
  type ObjectiveDefinition,
  type ObjectivePlugin,
  type ObjectiveReference,
  type ObjectiveScope,
} from "./objective.ts";
export {
  dataEmpty,
  dataFileMissing,
  deviceMissing,
  diverged,
  exampleEmpty,
  separatorInvalid,
  snapshotInvalid,
  tokenizerIncomplete,
} from "./errors.ts";
