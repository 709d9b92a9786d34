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
export { dataEmpty, dataFileMissing, dataPartMissing, exampleEmpty, separatorInvalid, tokenizerIncomplete } from "./errors.ts";
