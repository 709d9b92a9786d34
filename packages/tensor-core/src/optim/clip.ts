/** Clipping all gradients together by their global norm (Pascanu, Mikolov and Bengio, "On the difficulty of training RNNs", 2013, algorithm 1). */
import { add, div, maximum, mul } from "../ops/binary.ts";
import { concat } from "../ops/concat.ts";
import { slice } from "../ops/slice.ts";
import { sumSquares } from "../ops/sum-squares.ts";
import { sqrt } from "../ops/unary.ts";
import { subDims } from "../dim.ts";
import type { Value } from "../graph.ts";

/** L2 norm of all gradients together, `[]`; at least one gradient. */
export function globalNorm(gradients: readonly Value[]): Value {
  return sqrt(gradients.map(sumSquares).reduce((total, squares) => add(total, squares)));
}

/** min(1, limit / norm) for a limit above 0: times this, a gradient of that norm is no longer than the limit. */
export function clipScale(norm: Value, limit: Value | number): Value {
  return div(limit, maximum(norm, limit));
}

/** The hyperparameters of an optimizer with their gradientScale, which stands last, times `scale` `[]`: clips without another pass over the gradients. */
export function scaleGradients(hyper: Value, scale: Value): Value {
  const size = hyper.shape[0]!;
  const last = subDims(size, 1);
  return concat([slice(hyper, [0], [last]), mul(slice(hyper, [last], [size]), scale)], 0);
}
