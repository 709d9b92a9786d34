import type { AnyOp } from "../op.ts";
import { addOp, divOp, maximumOp, minimumOp, mulOp, subOp } from "./binary.ts";
import { broadcastOp, sumOp } from "./broadcast.ts";
import { equalOp, greaterOp } from "./compare.ts";
import { reshapeOp } from "./reshape.ts";

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
export { reshape, reshapeOp, type ReshapeAttrs } from "./reshape.ts";
export type { ReduceAttrs } from "./support/reduction.ts";

/** Every op of tensor-core; the conformance suite runs them all. */
export const OPS: readonly AnyOp[] = [addOp, broadcastOp, divOp, equalOp, greaterOp, maximumOp, minimumOp, mulOp, reshapeOp, subOp, sumOp];
