export { hashExamples, openData, type DataDefinition, type DataPlugin, type DataReference, type DataSet, type Example, type Part } from "./data/data.ts";
export { encodeExample, hashExample, type Sequence } from "./encode.ts";
export { dataEmpty, dataFileMissing, dataOptionsInvalid, dataPartMissing, exampleEmpty, separatorInvalid, tokenizerIncomplete } from "./errors.ts";
