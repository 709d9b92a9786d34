export { hashExamples, openData, type DataDefinition, type DataPlugin, type DataReference, type DataSet, type Example, type Part } from "./data/data.ts";
export { dataEmpty, dataFileMissing, dataOptionsInvalid, dataPartMissing, separatorInvalid } from "./errors.ts";
