/** How much of the weights goes with each index of an axis. */
import type { Checkpoint } from "@pare/models";
import type { Axis } from "./axis.ts";
import type { Dependencies } from "./dependencies.ts";

/**
 * For each index of the axis the sum over all weights that lose rows or columns with it of their squares there, each weight's divided by
 * the sum of all its squares, so that large matrices do not outvote norms. One weight is read at a time.
 */
export async function sliceSquares(model: Checkpoint, dependencies: Dependencies, axis: Axis): Promise<Float64Array> {
  const squares = new Float64Array(axis.size);
  const gone = Array.from({ length: axis.size }, (_, index) => dependencies.cuts(new Map([[axis, [index]]])));
  for (const [at, { weight, axis: along }] of gone[0].entries()) {
    const { data, shape } = await model.weights.get(weight)!.dense();
    const columns = shape.length === 1 ? 1 : shape[1];
    const sums = new Float64Array(shape[along]);
    data.forEach((value: number | bigint, index: number) => {
      sums[along === 0 ? Math.floor(index / columns) : index % columns] += Number(value) ** 2;
    });
    const total = sums.reduce((sum, value) => sum + value, 0);
    if (total > 0) gone.forEach((cuts, index) => cuts[at].kept.forEach((place) => (squares[index] += sums[place] / total)));
  }
  return squares;
}
