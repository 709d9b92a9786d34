import type { AnyOp } from "../op.ts";
import { adamwOp } from "./adamw.ts";
import { argmaxOp } from "./argmax.ts";
import { attentionGradientOp } from "./attention-gradient.ts";
import { attentionOp } from "./attention.ts";
import { addOp, divOp, maximumOp, minimumOp, mulOp, subOp } from "./binary.ts";
import { broadcastOp, sumOp } from "./broadcast.ts";
import { cacheWriteOp } from "./cache-write.ts";
import { castOp } from "./cast.ts";
import { equalOp, greaterOp } from "./compare.ts";
import { concatOp } from "./concat.ts";
import { crossEntropyGradientOp, crossEntropyOp } from "./cross-entropy.ts";
import { dequantizeAffineOp } from "./dequantize-affine.ts";
import { layerNormGradientOp, layerNormOp } from "./layer-norm.ts";
import { linearAffineOp } from "./linear-affine.ts";
import { linearOp } from "./linear.ts";
import { logSoftmaxOp } from "./log-softmax.ts";
import { matmulOp } from "./matmul.ts";
import { randomUniformOp } from "./random-uniform.ts";
import { maxOp, meanOp } from "./reduce.ts";
import { reshapeOp } from "./reshape.ts";
import { rmsNormGradientOp, rmsNormOp } from "./rms-norm.ts";
import { ropeOp } from "./rope.ts";
import { rowsAffineOp } from "./rows-affine.ts";
import { rowsOp } from "./rows.ts";
import { scatterRowsOp } from "./scatter-rows.ts";
import { selectOp } from "./select.ts";
import { sgdOp } from "./sgd.ts";
import { siluMulGradientOp, siluMulOp } from "./silu-mul.ts";
import { padOp, sliceOp } from "./slice.ts";
import { softmaxOp } from "./softmax.ts";
import { sumSquaresOp } from "./sum-squares.ts";
import { transposeOp } from "./transpose.ts";
import { absOp, erfOp, expOp, geluOp, geluTanhOp, logOp, negOp, reluOp, rsqrtOp, sigmoidOp, siluOp, sqrtOp, tanhOp } from "./unary.ts";

export { adamwOp, adamwStep } from "./adamw.ts";
export { argmax, argmaxOp } from "./argmax.ts";
export { attentionGradientOp } from "./attention-gradient.ts";
export { attention, attentionOp, type AttentionOptions } from "./attention.ts";
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
export { cacheWrite, cacheWriteOp } from "./cache-write.ts";
export { cast, castOp, type CastAttrs } from "./cast.ts";
export { equal, equalOp, greater, greaterOp, type CompareOp } from "./compare.ts";
export { concat, concatOp, type ConcatAttrs } from "./concat.ts";
export { crossEntropy, crossEntropyGradientOp, crossEntropyOp } from "./cross-entropy.ts";
export { dequantizeAffine, dequantizeAffineOp } from "./dequantize-affine.ts";
export { layerNorm, layerNormGradientOp, layerNormOp, type LayerNormAttrs } from "./layer-norm.ts";
export { linearAffine, linearAffineOp, type LinearAffineAttrs } from "./linear-affine.ts";
export { linear, linearOp, type LinearAttrs } from "./linear.ts";
export { logSoftmax, logSoftmaxOp } from "./log-softmax.ts";
export { matmul, matmulOp, type MatmulAttrs } from "./matmul.ts";
export { randomUniform, randomUniformOp, type RandomUniformAttrs } from "./random-uniform.ts";
export { max, maxOp, mean, meanOp, type ReduceOp } from "./reduce.ts";
export { reshape, reshapeOp, type ReshapeAttrs } from "./reshape.ts";
export { rmsNorm, rmsNormGradientOp, rmsNormOp, type RmsNormAttrs } from "./rms-norm.ts";
export { rope, ropeOp, type RopeAttrs, type RopePairing } from "./rope.ts";
export { rowsAffine, rowsAffineOp } from "./rows-affine.ts";
export { rows, rowsOp } from "./rows.ts";
export { scatterRows, scatterRowsOp, type ScatterRowsAttrs } from "./scatter-rows.ts";
export { select, selectOp } from "./select.ts";
export { sgdOp, sgdStep } from "./sgd.ts";
export { siluMul, siluMulGradientOp, siluMulOp } from "./silu-mul.ts";
export { pad, padOp, slice, sliceOp, type PadAttrs, type SliceAttrs } from "./slice.ts";
export { softmax, softmaxOp } from "./softmax.ts";
export { sumSquares, sumSquaresOp } from "./sum-squares.ts";
export { transpose, transposeOp, type TransposeAttrs } from "./transpose.ts";
export {
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
} from "./unary.ts";
export { ACTIVATIONS, type Activation } from "./support/math.ts";
export type { AffineAttrs } from "./support/affine.ts";
export type { AttentionAttrs } from "./support/attention.ts";
export type { NoAttrs } from "./support/check.ts";
export type { ReduceAttrs } from "./support/reduction.ts";

/** Every op of tensor-core; the conformance suite runs them all. */
export const OPS: readonly AnyOp[] = [
  absOp,
  adamwOp,
  addOp,
  argmaxOp,
  attentionGradientOp,
  attentionOp,
  broadcastOp,
  cacheWriteOp,
  castOp,
  concatOp,
  crossEntropyGradientOp,
  crossEntropyOp,
  dequantizeAffineOp,
  divOp,
  equalOp,
  erfOp,
  expOp,
  geluOp,
  geluTanhOp,
  greaterOp,
  layerNormGradientOp,
  layerNormOp,
  linearAffineOp,
  linearOp,
  logOp,
  logSoftmaxOp,
  matmulOp,
  maxOp,
  maximumOp,
  meanOp,
  minimumOp,
  mulOp,
  negOp,
  padOp,
  randomUniformOp,
  reluOp,
  reshapeOp,
  rmsNormGradientOp,
  rmsNormOp,
  ropeOp,
  rowsAffineOp,
  rowsOp,
  rsqrtOp,
  scatterRowsOp,
  selectOp,
  sgdOp,
  sigmoidOp,
  siluMulGradientOp,
  siluMulOp,
  siluOp,
  sliceOp,
  softmaxOp,
  sqrtOp,
  subOp,
  sumOp,
  sumSquaresOp,
  tanhOp,
  transposeOp,
];
