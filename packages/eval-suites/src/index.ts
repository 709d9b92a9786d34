export { evaluate, type AnySuite, type Result, type SuiteRef } from "./evaluate.ts";
export { perplexity, type PerplexityOptions, type PerplexityReport } from "./perplexity.ts";
export { scan, scanData, type ScanOptions } from "./scan/data.ts";
export { scanTasks, scanWords, type ScanTask } from "./scan/grammar.ts";
export { SCAN_SPLITS, scanExamples, type ScanSplit } from "./scan/splits.ts";
export {
  scanIntersection,
  scanJump,
  scanLength,
  scanSimple,
  scanTurnLeft,
  type Published,
  type ScanReport,
  type ScanSuite,
  type ScanSuiteOptions,
} from "./scan/suite.ts";
export { answer, type AnswerSuiteOptions } from "./heads/answer.ts";
export { choose } from "./heads/choose.ts";
export { classify } from "./heads/classify.ts";
export { fillMask, type FillMaskOptions } from "./heads/fill-mask.ts";
export { tag } from "./heads/tag.ts";
export type { RowsReport, RowsSuiteOptions } from "./heads/rows.ts";
export { exposure, type Exposure, type Label } from "./domain.ts";
export { ratioInterval, wilson, type Interval } from "./interval.ts";
export { sample } from "./sample.ts";
export { answersMissing, dataMissing, familyUnfit, vocabularyLacks } from "./errors.ts";
