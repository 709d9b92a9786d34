import type { AnyOp } from "../op.ts";
import { addOp, divOp, maximumOp, minimumOp, mulOp, subOp } from "./binary.ts";
import { broadcastOp, sumOp } from "./broadcast.ts";
import { equalOp, greaterOp } from "./compare.ts";
import { dequantizeAffineOp } from "./dequantize-affine.ts";
import { linearOp } from "./linear.ts";
import { linearAffineOp } from "./linear-affine.ts";
import { matmulOp } from "./matmul.ts";
import { reshapeOp } from "./reshape.ts";
import { rowsAffineOp } from "./rows-affine.ts";

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
} from "./binary.ts";
export { broadcast, broadcastOp, sum, sumOp, sumTo, type BroadcastAttrs } from "./broadcast.ts";
export { equal, equalOp, greater, greaterOp, type CompareOp } from "./compare.ts";
export { dequantizeAffine, dequantizeAffineOp } from "./dequantize-affine.ts";
export { linear, linearOp, type LinearAttrs } from "./linear.ts";
export { linearAffine, linearAffineOp, type LinearAffineAttrs } from "./linear-affine.ts";
export { matmul, matmulOp, type MatmulAttrs } from "./matmul.ts";
export { rowsAffine, rowsAffineOp } from "./rows-affine.ts";
export type { AffineAttrs } from "./support/affine.ts";
export type { Activation } from "./support/math.ts";
export { reshape, reshapeOp, type ReshapeAttrs } from "./reshape.ts";
export type { ReduceAttrs } from "./support/reduction.ts";

/** Every op of tensor-core; the conformance suite runs them all. */
export const OPS: readonly AnyOp[] = [
  addOp,
  broadcastOp,
  dequantizeAffineOp,
  divOp,
  equalOp,
  greaterOp,
  linearAffineOp,
  linearOp,
  matmulOp,
  maximumOp,
  minimumOp,
  mulOp,
  reshapeOp,
  rowsAffineOp,
  subOp,
  sumOp,
];
