import type { AnyOp } from "../op.ts";
import { activationGradientOp } from "./activation-gradient.ts";
import { adamwOp } from "./adamw.ts";
import { argmaxOp } from "./argmax.ts";
import { attentionBiasGradientOp } from "./attention-bias-gradient.ts";
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
import { linearAffineInt8Op } from "./linear-affine-int8.ts";
import { linearAffineOp } from "./linear-affine.ts";
import { linearF16Op } from "./linear-f16.ts";
import { linearHalfOp } from "./linear-half.ts";
import { linearOp } from "./linear.ts";
import { logSoftmaxOp } from "./log-softmax.ts";
import { matmulOp } from "./matmul.ts";
import { randomUniformOp } from "./random-uniform.ts";
import { maxOp, meanOp } from "./reduce.ts";
import { reshapeOp } from "./reshape.ts";
import { rmsNormGradientOp, rmsNormOp } from "./rms-norm.ts";
import { ropeOp } from "./rope.ts";
import { rowsAffineOp } from "./rows-affine.ts";
import { rowsHalfOp } from "./rows-half.ts";
import { rowsOp } from "./rows.ts";
import { scatterRowsOp } from "./scatter-rows.ts";
import { selectOp } from "./select.ts";
import { sgdOp } from "./sgd.ts";
import { siluMulGradientOp, siluMulOp } from "./silu-mul.ts";
import { padOp, sliceOp } from "./slice.ts";
import { softmaxOp } from "./softmax.ts";
import { straightThroughOp } from "./straight-through.ts";
import { sumSquaresOp } from "./sum-squares.ts";
import { transposeOp } from "./transpose.ts";
import { UNARY_OPS } from "./unary.ts";

/** Every op of tensor-core; the conformance suite runs them all. */
export const OPS: readonly AnyOp[] = [
  activationGradientOp,
  adamwOp,
  addOp,
  argmaxOp,
  attentionBiasGradientOp,
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
  greaterOp,
  layerNormGradientOp,
  layerNormOp,
  linearAffineOp,
  linearF16Op,
  linearHalfOp,
  linearAffineInt8Op,
  linearOp,
  logSoftmaxOp,
  matmulOp,
  maxOp,
  maximumOp,
  meanOp,
  minimumOp,
  mulOp,
  padOp,
  randomUniformOp,
  reshapeOp,
  rmsNormGradientOp,
  rmsNormOp,
  ropeOp,
  rowsAffineOp,
  rowsHalfOp,
  rowsOp,
  scatterRowsOp,
  selectOp,
  sgdOp,
  siluMulGradientOp,
  siluMulOp,
  sliceOp,
  softmaxOp,
  straightThroughOp,
  subOp,
  sumOp,
  sumSquaresOp,
  transposeOp,
  ...UNARY_OPS,
];
