export { PareError, defineError, isPareError, nearNames, type ErrorFactory, type ErrorReport } from "./error.ts";
export type { Artifact, FileSet } from "./artifact.ts";
export type { Context, Progress, RunEvent } from "./context.ts";
export * from "./plugin.ts";
