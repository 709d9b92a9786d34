import type { AnyOp } from "@pare/tensor-core";
import { linearBlockInputGradientOp, linearBlockOp, linearBlockValuesGradientOp } from "./linear-block.ts";
import { linearBlockInt8Op } from "./linear-block-int8.ts";
import { linearCsrInputGradientOp, linearCsrOp, linearCsrValuesGradientOp } from "./linear-csr.ts";

/** Every op of this package, for the conformance suite. */
export const SPARSE_OPS: readonly AnyOp[] = [
  linearBlockOp,
  linearBlockInt8Op,
  linearBlockInputGradientOp,
  linearBlockValuesGradientOp,
  linearCsrOp,
  linearCsrInputGradientOp,
  linearCsrValuesGradientOp,
];
