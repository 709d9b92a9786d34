/** Softmax, its logarithm and the cross-entropy: a workgroup per row. */
import { crossEntropyGradientOp, crossEntropyOp, logSoftmaxOp, softmaxOp, type Kernel } from "@pare/tensor-core";
import { implement, type Features, type WebgpuTypes } from "../types.ts";
import { MATH } from "../wgsl/math.ts";
import { reductions } from "../wgsl/reduce.ts";
import { encodeElements } from "./elementwise.ts";

const LANES = 64;

/**
 * `log_sum_exp(row, lane)` of the row of `p.length` elements that begins there, as its largest element and what is to be added to it:
 * their sum would round what large elements differ by.
 */
function logSumExp(name: string, features: Features): string {
  return `${MATH}
${reductions(["sum", "max"], { lanes: LANES, features })}
fn log_sum_exp(row: u32, lane: u32) -> vec2<f32> {
  var largest = read_${name}(row + min(lane, p.length - 1u));
  for (var i = lane; i < p.length; i += ${LANES}u) { largest = max(largest, read_${name}(row + i)); }
  largest = reduce_max(largest, lane);
  var total = 0.0;
  for (var i = lane; i < p.length; i += ${LANES}u) { total += exp_of(read_${name}(row + i) - largest); }
  return vec2(largest, log_of(reduce_sum(total, lane)));
}`;
}

export const softmaxKernels: readonly Kernel<WebgpuTypes>[] = [
  ...(
    [
      [softmaxOp, "exp_of(read_x(row + i) - log_sum.x - log_sum.y)"],
      [logSoftmaxOp, "read_x(row + i) - log_sum.x - log_sum.y"],
    ] as const
  ).map(([op, formula]) =>
    implement(op, (encoder, { x }, { y }) => {
      const length = x.shape.at(-1)!;
      encoder.call({
        kernel: `f32_${op.name.replaceAll("-", "_")}`,
        reads: { x },
        writes: { y },
        sizes: { length },
        declare: logSumExp("x", encoder.features),
        body: `let row = group * p.length;
  let log_sum = log_sum_exp(row, lane);
  for (var i = lane; i < p.length; i += ${LANES}u) { write_y(row + i, ${formula}); }`,
        lanes: LANES,
        groups: x.size / length,
      });
    }),
  ),
  implement(crossEntropyOp, (encoder, { logits, targets }, { nll, logSumExp: sums }) => {
    const [rows, length] = logits.shape as [number, number];
    encoder.call({
      kernel: "f32_cross_entropy",
      reads: { logits, targets },
      writes: { nll, sums },
      sizes: { length },
      declare: logSumExp("logits", encoder.features),
      body: `let row = group * p.length;
  let log_sum = log_sum_exp(row, lane);
  if (lane == 0u) {
    let chosen = read_targets(group);
    write_sums(group, log_sum.x + log_sum.y);
    if (chosen < 0) { write_nll(group, 0.0); } else { write_nll(group, log_sum.x - read_logits(row + u32(chosen)) + log_sum.y); }
  }`,
      lanes: LANES,
      groups: rows,
    });
  }),
  implement(crossEntropyGradientOp, (encoder, { grad, logits, targets, logSumExp: sums }, to) =>
    encodeElements(encoder, logits.size, {
      kernel: "f32_cross_entropy_gradient",
      reads: { grad, logits, targets, sums },
      writes: { to_logits: to.logits },
      sizes: { length: logits.shape[1]! },
      declare: MATH,
      body: `let row = i / p.length;
  let chosen = read_targets(row);
  if (chosen < 0) { write_to_logits(i, 0.0); return; }
  let likely = exp_of(read_logits(i) - read_sums(row));
  write_to_logits(i, read_grad(row) * (likely - select(0.0, 1.0, u32(chosen) == i % p.length)));`,
    }),
  ),
];
