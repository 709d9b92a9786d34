export { checkCase, conformance, conformanceTests, type ConformanceOptions, type ConformanceTest } from "./conformance.ts";
export { checkGradients, type AnyCase, type GradientCheck, type GradientMismatch } from "./check-gradients.ts";
export { checkFollowing } from "./following.ts";
export { worstDifference, type Difference } from "./compare.ts";
export { runCase, type CaseRun, type RunSettings } from "./run-case.ts";
export { evaluate, type Evaluated } from "../reference/evaluate.ts";
