import { attentionBiasGradientOp, attentionGradientOp, attentionOp, type Kernel } from "@pare/tensor-core";
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
  implement(attentionOp, (encoder, { query, key, value, ...limits }, { y, logSumExp }, { scale, causal, keyValueHeads }) => {
    const { rows, keys, width, padded, shape, work } = sizesOf(query, key);
    const places = [query, key, value, y, logSumExp].map(({ address }) => address);
    const seen = [...addressesOf(limits), encoder.table(keyValueHeads), ...biasOf(limits.bias)];
    encoder.divide(work, (begin, end) => {
      const scratch = encoder.scratch(256 + 4 * keys * (padded + width + rows));
      encoder.call("f32_attention", ...places, ...seen, begin, end, ...shape, scale, causal ? 1 : 0, rows, scratch);
    });
  }),
  implement(attentionGradientOp, (encoder, inputs, to, { scale, causal, keyValueHeads }) => {
    const { grad, query, key, value, y, logSumExp } = inputs;
    const { rows, keys, width, padded, shape, work } = sizesOf(query, key);
    const places = [grad, query, key, value, y, logSumExp, to.query, to.key, to.value].map(({ address }) => address);
    const seen = [...addressesOf(inputs), encoder.table(keyValueHeads), ...biasOf(inputs.bias)];
    encoder.divide({ ...work, nanoseconds: 2.5 * work.nanoseconds }, (begin, end) => {
      const scratch = encoder.scratch(256 + 4 * (keys * (2 * width + padded + 2 * rows) + 2 * rows * padded));
      encoder.call("f32_attention_gradient", ...places, ...seen, begin, end, ...shape, scale, causal ? 1 : 0, rows, scratch);
    });
  }),
  implement(attentionBiasGradientOp, (encoder, inputs, to, { scale, causal, keyValueHeads }) => {
    const { grad, query, key, value, y, logSumExp, bias } = inputs;
    const { rows, keys, width, shape, work } = sizesOf(query, key);
    const places = [grad, query, key, value, y, logSumExp, bias, to.bias].map(({ address }) => address);
    const [batch, heads] = bias.shape as [number, number];
    const seen = [...addressesOf(inputs), encoder.table(keyValueHeads), query.shape[0]!, batch, heads];
    encoder.divide({ size: batch * heads, nanoseconds: work.nanoseconds }, (begin, end) => {
      const scratch = encoder.scratch(256 + 4 * keys * (2 * width + 2 * rows));
      encoder.call("f32_attention_bias_gradient", ...places, ...seen, begin, end, ...shape, scale, causal ? 1 : 0, rows, scratch);
    });
  }),
];

interface Limits {
  readonly lengths?: WasmTensor | undefined;
  readonly starts?: WasmTensor | undefined;
}

function addressesOf({ lengths, starts }: Limits): number[] {
  return [lengths?.address ?? 0, starts?.address ?? 0];
}

/** Address, floats from one batch element to the next, floats from one head to the next; 0 where they share it. */
function biasOf(bias: WasmTensor | undefined): number[] {
  if (bias === undefined) return [0, 0, 0];
  const [batch, heads, tq, tk] = bias.shape as [number, number, number, number];
  return [bias.address, batch === 1 ? 0 : heads * tq * tk, heads === 1 ? 0 : tq * tk];
}

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
