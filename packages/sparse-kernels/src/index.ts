export { csrStorage, toCsr } from "./storage/csr.ts";
export { BLOCK_SHAPES, blockStorage, toBlock, type BlockShape } from "./storage/block.ts";
export { nOfMStorage, toNOfM, type GroupShape } from "./storage/n-of-m.ts";
export { sparseAffineBytes, sparseAffineStorage, toSparseAffine, type SparseShape, type SymmetricCodes } from "./storage/affine.ts";
export {
  linearCsr,
  linearCsrInputGradientOp,
  linearCsrOp,
  linearCsrValuesGradientOp,
  type CsrAttrs,
  type LinearCsrAttrs,
} from "./ops/linear-csr.ts";
export {
  linearBlock,
  linearBlockInputGradientOp,
  linearBlockOp,
  linearBlockValuesGradientOp,
  type BlockAttrs,
  type LinearBlockAttrs,
} from "./ops/linear-block.ts";
export { linearBlockInt8, linearBlockInt8Op, type LinearBlockInt8Attrs } from "./ops/linear-block-int8.ts";
export { SPARSE_OPS } from "./ops/index.ts";
export { measuredChooser, parseTimings, type MeasuredChooserOptions, type Timing } from "./chooser.ts";
export { blockUnsupported, maskInvalid, timingsInvalid } from "./errors.ts";
export {
  crossover,
  HARDWARE,
  isModelled,
  predict,
  type Basis,
  type Hardware,
  type LayerShape,
  type Prediction,
  type Rate,
  type SparseLayout,
} from "./roofline.ts";
