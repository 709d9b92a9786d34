export { csrStorage, toCsr } from "./storage/csr.ts";
export { blockStorage, toBlock, type BlockShape } from "./storage/block.ts";
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
export { SPARSE_OPS } from "./ops/index.ts";
export { measuredChooser, parseTimings, type MeasuredChooserOptions, type Timing } from "./chooser.ts";
export { blockUnsupported, maskInvalid, timingsInvalid } from "./errors.ts";
