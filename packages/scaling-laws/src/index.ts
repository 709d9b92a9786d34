export { computeOptimal, expectedLoss, type Allocation, type ChinchillaLaw, type Observation } from "./chinchilla.ts";
export { fitChinchilla, type ChinchillaFit, type FitOptions, type Interval } from "./fit.ts";
export { readObservations, type CsvColumns, type CsvOptions } from "./csv.ts";
export { lbfgs, type Differentiable, type LbfgsOptions, type Minimum } from "./lbfgs.ts";
export { columnUnknown, columnsAmbiguous, csvInvalid, notPositive, observationsTooFew, optionsInvalid, unidentifiable } from "./errors.ts";
