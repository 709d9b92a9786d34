import { attentionGradientOp, attentionOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTensor, type WasmTypes, type Work } from "../types.ts";
import { roundUp } from "./gemm.ts";

/** Query rows whose scores are held at once: few, so that little is computed past what causal rows see. */
const ROWS = 16;

interface Sizes {
  readonly rows: number;
  /** Floats of a row of scores: keys padded to whole panels, and off powers of two. */
  readonly keys: number;
  readonly width: number;
  readonly padded: number;
  /** [tq, tk, heads, key/value heads, width] as kernels take them. */
  readonly shape: readonly number[];
  /** Key/value heads of the whole batch, with the query heads that read them. */
  readonly work: Work;
}

export const attentionKernels: readonly Kernel<WasmTypes>[] = [
  implement(attentionOp, (encoder, { query, key, value, lengths, starts }, { y, logSumExp }, { scale, causal, keyValueHeads }) => {
    const { rows, keys, width, padded, shape, work } = sizesOf(query, key);
    const places = [query, key, value, y, logSumExp].map(({ address }) => address);
    const limits = [lengths?.address ?? 0, starts?.address ?? 0, encoder.table(keyValueHeads)];
    encoder.divide(work, (begin, end) => {
      const scratch = encoder.scratch(128 + 4 * keys * (padded + width + rows));
      encoder.call("f32_attention", ...places, ...limits, begin, end, ...shape, scale, causal ? 1 : 0, rows, scratch);
    });
  }),
  implement(attentionGradientOp, (encoder, { lengths, starts, ...inputs }, to, { scale, causal, keyValueHeads }) => {
    const { grad, query, key, value, y, logSumExp } = inputs;
    const { rows, keys, width, padded, shape, work } = sizesOf(query, key);
    const places = [grad, query, key, value, y, logSumExp, to.query, to.key, to.value].map(({ address }) => address);
    const limits = [lengths?.address ?? 0, starts?.address ?? 0, encoder.table(keyValueHeads)];
    encoder.divide({ ...work, nanoseconds: 2.5 * work.nanoseconds }, (begin, end) => {
      const scratch = encoder.scratch(128 + 4 * (keys * (2 * width + padded + 2 * rows) + 2 * rows * padded));
      encoder.call("f32_attention_gradient", ...places, ...limits, begin, end, ...shape, scale, causal ? 1 : 0, rows, scratch);
    });
  }),
];

function sizesOf(query: WasmTensor, key: WasmTensor): Sizes {
  const [batch, tq, heads, width] = query.shape as [number, number, number, number];
  const [, tk, groups] = key.shape as [number, number, number];
  return {
    rows: Math.min(ROWS, roundUp(tq, 4)),
    keys: roundUp(tk, 8) + 8,
    width,
    padded: roundUp(width, 8),
    shape: [tq, tk, heads, groups, width],
    work: { size: batch * groups, nanoseconds: (batch * heads * tq * tk * width) / 8 },
  };
}
