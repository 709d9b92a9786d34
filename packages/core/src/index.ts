export { PareError, defineError, isPareError, nearNames, type ErrorFactory, type ErrorReport } from "./error.ts";
export { isArtifact, type Artifact, type FileSet, type MutableFileSet } from "./artifact.ts";
export type { Context, Progress, RunEvent } from "./context.ts";
export {
  API_VERSION,
  type AnyPack,
  type AnyPlugin,
  type ArtifactLoader,
  type Backend,
  type Described,
  type Format,
  type Job,
  type JobResult,
  type Named,
  type OpenOptions,
  type Pack,
  type PluginKind,
  type PluginOf,
  type Registry,
  type Runner,
  type Source,
  type SourceOptions,
  type Stage,
  type Step,
  type StepDescription,
  type Suite,
  type SuiteReport,
} from "./plugin.ts";
export { createRegistry } from "./registry.ts";
export { defineStage, defineSuite, type StageDefinition, type SuiteDefinition } from "./stage.ts";
export { checkOptions, jsonSchemaOf, type CheckedOptions } from "./options.ts";
export { isPluginRef, resolveRef, resolveStep, type PluginRef } from "./resolve.ts";
export { pipeline, type Pipeline } from "./pipeline.ts";
export { runSteps, type RunOptions, type RunResult, type RunStepsOptions, type StepEvent } from "./run.ts";
export type { RunDevice } from "./step-run.ts";
export type { RunRecord, StepRecord } from "./record.ts";
export { createRunStore, type CacheEntry, type RunStore, type Stored } from "./run-store.ts";
export { localRunner, type LocalRunnerOptions } from "./local-runner.ts";
export { checkName, checkRange, filesWithin, memoryFiles, readText, writeText } from "./files.ts";
export { blobFiles, urlFiles } from "./web-files.ts";
export { canonicalJson, isPlainObject, toJson, type Json } from "./json.ts";
export { hashContent, hashJson, readPieces } from "./hash.ts";
export { createTurns } from "./turns.ts";
export { VERSION } from "./version.ts";
export { fileMissing, fileNameInvalid, fileUnreadable, fileUnwritable, rangeOutsideFile, readOnly } from "./errors.ts";
