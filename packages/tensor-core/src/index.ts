export {
  conformanceFailed,
  deviceMemoryExceeded,
  dimUnbound,
  dtypeUnsupportedBy,
  gradientMissing,
  inputMissing,
  kernelMissing,
  namedDimAsNumber,
  optOutInvalid,
  outputRepeated,
  quantizedTraining,
  shapeMismatch,
  siteReadOnly,
  siteUnknown,
  stateMisused,
  storageInvalid,
  weightNotFinite,
  weightUnknown,
} from "./errors.ts";
export { DTYPES, allocateArray, byteSize, fromBF16, fromF16, toF16, toFloat32, viewArray, type DType, type TypedArray } from "./dtype.ts";
export {
  DimExpression,
  addDims,
  bindDim,
  bindShape,
  dim,
  mulDims,
  sameDim,
  sameShape,
  showShape,
  sizeOf,
  subDims,
  symbolicSize,
  type Dim,
  type Dims,
  type Shape,
} from "./dim.ts";
export {
  asFloat32,
  f32,
  floatRows,
  i32,
  sourceOf,
  zeros,
  type FloatRows,
  type HostTensor,
  type TensorSource,
  type TensorType,
} from "./host.ts";
export { collapse, productShape, reductionPasses, type Loop, type ProductShape, type ProductStrides, type ReductionPass } from "./loops.ts";
export { broadcastStrides, stridesOf } from "./ops/support/host.ts";
export { alignedAxes, leadingAxes, sameAxis, type AxisLink, type AxisRef } from "./axes.ts";
export { bindGraph } from "./passes/bind.ts";
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
export { kernelsFor, refuseWideTypes, type BackendTypes, type Kernel } from "./kernel.ts";
export type { Device, DeviceBuffer, PlannedTensor, Prepared, ProgramStep } from "./device.ts";
export type { Candidate, Choice, Chooser, DerivedPart, StorageDefinition, StoredWeight, WeightUse } from "./storage/storage.ts";
export { affineOf, affineStorage, affineWeight, type AffineParts } from "./storage/affine.ts";
export { packCodes, packedRowBytes, unpackCodes } from "./storage/codes.ts";
export { denseOf, denseStorage, denseWeight } from "./storage/dense.ts";
export { gradients } from "./gradients.ts";
export { createStore, type Resident, type Store, type StoreOptions } from "./store.ts";
export { compile, type Compiled, type CompileOptions, type RunOptions } from "./compile.ts";
export { firstCandidate, roundActivations, type ChoiceEvent } from "./passes/lower-weights.ts";
export { rewrite, liveNodes, type Rewriting, type Rules } from "./passes/rewrite.ts";
export { countFlops, planRun, type RunPlan, type RunPlanOptions } from "./estimate.ts";
export { eager, type Eager } from "./eager.ts";
export { openReference, prepareOnHost, referenceBackend, runOnHost } from "./reference/device.ts";
export { OPS } from "./ops/index.ts";
export { activationGradient, activationGradientOp, type ActivationGradientAttrs } from "./ops/activation-gradient.ts";
export { adamwOp, adamwStep } from "./ops/adamw.ts";
export { argmax, argmaxOp } from "./ops/argmax.ts";
export { attentionBiasGradientOp } from "./ops/attention-bias-gradient.ts";
export { attentionGradientOp } from "./ops/attention-gradient.ts";
export { attention, attentionOp, type AttentionOptions } from "./ops/attention.ts";
export {
  add,
  addOp,
  div,
  divOp,
  maximum,
  maximumOp,
  minimum,
  minimumOp,
  mul,
  mulOp,
  sub,
  subOp,
  type BinaryFunction,
  type BinaryOp,
} from "./ops/binary.ts";
export { broadcast, broadcastOp, sum, sumOp, sumTo, type BroadcastAttrs } from "./ops/broadcast.ts";
export { cacheWrite, cacheWriteOp } from "./ops/cache-write.ts";
export { cast, castOp, type CastAttrs } from "./ops/cast.ts";
export { equal, equalOp, greater, greaterOp, type CompareOp } from "./ops/compare.ts";
export { concat, concatOp, type ConcatAttrs } from "./ops/concat.ts";
export { crossEntropy, crossEntropyGradientOp, crossEntropyOp } from "./ops/cross-entropy.ts";
export { dequantizeAffine, dequantizeAffineOp } from "./ops/dequantize-affine.ts";
export { layerNorm, layerNormGradientOp, layerNormOp, type LayerNormAttrs } from "./ops/layer-norm.ts";
export { linearAffineInt8, linearAffineInt8Op, roundRows } from "./ops/linear-affine-int8.ts";
export { linearAffine, linearAffineOp, type LinearAffineAttrs } from "./ops/linear-affine.ts";
export { linearF16, linearF16Op, type LinearF16Attrs } from "./ops/linear-f16.ts";
export { linearHalf, linearHalfOp, type LinearHalfAttrs } from "./ops/linear-half.ts";
export { linear, linearOp, type LinearAttrs } from "./ops/linear.ts";
export { logSoftmax, logSoftmaxOp } from "./ops/log-softmax.ts";
export { matmul, matmulOp, type MatmulAttrs } from "./ops/matmul.ts";
export { randomUniform, randomUniformOp, type RandomUniformAttrs } from "./ops/random-uniform.ts";
export { max, maxOp, mean, meanOp, type ReduceOp } from "./ops/reduce.ts";
export { reshape, reshapeOp, type ReshapeAttrs } from "./ops/reshape.ts";
export { rmsNorm, rmsNormGradientOp, rmsNormOp, type RmsNormAttrs } from "./ops/rms-norm.ts";
export { rope, ropeFrequencies, ropeOp, type RopeAttrs, type RopePairing } from "./ops/rope.ts";
export { rowsAffine, rowsAffineOp } from "./ops/rows-affine.ts";
export { rowsHalf, rowsHalfOp } from "./ops/rows-half.ts";
export { rows, rowsOp } from "./ops/rows.ts";
export { scatterRows, scatterRowsOp, type ScatterRowsAttrs } from "./ops/scatter-rows.ts";
export { select, selectOp } from "./ops/select.ts";
export { sgdOp, sgdStep } from "./ops/sgd.ts";
export { siluMul, siluMulGradientOp, siluMulOp } from "./ops/silu-mul.ts";
export { pad, padOp, slice, sliceOp, type PadAttrs, type SliceAttrs } from "./ops/slice.ts";
export { softmax, softmaxOp } from "./ops/softmax.ts";
export { straightThrough, straightThroughOp } from "./ops/straight-through.ts";
export { sumSquares, sumSquaresOp } from "./ops/sum-squares.ts";
export { transpose, transposeOp, type TransposeAttrs } from "./ops/transpose.ts";
export {
  UNARY_OPS,
  abs,
  absOp,
  erf,
  erfOp,
  exp,
  expOp,
  gelu,
  geluOp,
  geluTanh,
  geluTanhOp,
  log,
  logOp,
  neg,
  negOp,
  relu,
  reluOp,
  rsqrt,
  rsqrtOp,
  sigmoid,
  sigmoidOp,
  silu,
  siluOp,
  sqrt,
  sqrtOp,
  tanh,
  tanhOp,
  type UnaryOp,
} from "./ops/unary.ts";
export { ACTIVATIONS, type Activation, type Curved } from "./ops/support/math.ts";
export type { AffineAttrs } from "./ops/support/affine.ts";
export type { HalfAttrs, HalfFormat } from "./ops/support/half.ts";
export type { AttentionAttrs } from "./ops/support/attention.ts";
export type { NoAttrs } from "./ops/support/check.ts";
export type { ReduceAttrs } from "./ops/support/reduction.ts";
export { remat } from "./remat.ts";
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
