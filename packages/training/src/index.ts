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
export { encodeExamples, hashOf } from "./data/encode.ts";
export { pieceOptions, splitText, textData, type PieceOptions, type TextOptions } from "./data/text.ts";
export { dataEmpty, dataFileMissing, dataPartMissing, separatorInvalid, tokenizerUnfit } from "./errors.ts";
