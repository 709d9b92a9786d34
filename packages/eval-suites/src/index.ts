export { scan, scanData, type ScanOptions } from "./scan/data.ts";
export { scanTasks, type ScanTask } from "./scan/grammar.ts";
export { SCAN_SPLITS, scanExamples, type ScanSplit } from "./scan/splits.ts";
export { exposure, type Exposure, type Label } from "./domain.ts";
export { ratioInterval, wilson, type Interval } from "./interval.ts";
export { sample } from "./sample.ts";
export { dataMissing, familyUnfit, vocabularyLacks } from "./errors.ts";
