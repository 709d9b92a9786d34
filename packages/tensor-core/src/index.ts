export * from "./errors.ts";
export * from "./dtype.ts";
export * from "./dim.ts";
export * from "./host.ts";
export { defineOp, type AnyOp, type Given, type Op, type OpCase } from "./op.ts";
export {
  GraphBuilder,
  apply,
  inputsOf,
  lift,
  outputsOf,
  type Graph,
  type Leaf,
  type LeafNode,
  type Node,
  type OpNode,
  type Value,
} from "./graph.ts";
export { sitesOf, trace, type TraceOptions, type Tracer } from "./trace.ts";
export { cut, type SiteRequest, type SiteRequests } from "./sites.ts";
export { kernelsFor, type BackendTypes, type Kernel } from "./kernel.ts";
export type { Device, DeviceBuffer, PlannedTensor, Prepared, ProgramStep } from "./device.ts";
export type { Candidate, Choice, Chooser, DerivedPart, StorageDefinition, StoredWeight, WeightUse } from "./storage/storage.ts";
export { affineOf, affineStorage, affineWeight, packCodes, packedRowBytes, unpackCodes, type AffineParts } from "./storage/affine.ts";
export { denseOf, denseStorage, denseWeight } from "./storage/dense.ts";
export { gradients } from "./gradients.ts";
export { createStore, type Resident, type Store, type StoreOptions } from "./store.ts";
export { compile, type Compiled, type CompileOptions, type RunOptions } from "./compile.ts";
export { firstCandidate, type ChoiceEvent } from "./passes/lower-weights.ts";
export { rewrite, liveNodes, type Rewriting, type Rules } from "./passes/rewrite.ts";
export { eager, type Eager } from "./eager.ts";
export { openReference, prepareOnHost, referenceBackend, runOnHost } from "./reference/device.ts";
export * from "./ops/index.ts";
export { fork, normal, randomWords, shuffled, uniform, type Seed } from "./rng.ts";
export { adamw, adamwHyper, adamwStates, type AdamwSettings } from "./optim/adamw.ts";
export { clipScale, globalNorm, scaleGradients } from "./optim/clip.ts";
export type { OptimizerInputs } from "./optim/optimizer.ts";
export {
  constantSchedule,
  cosineSchedule,
  inverseSqrtSchedule,
  linearSchedule,
  type Decay,
  type Schedule,
  type Warmup,
} from "./optim/schedules.ts";
export { sgd, sgdHyper, sgdStates, type SgdSettings } from "./optim/sgd.ts";
