/** Elements of any dtype under another order, with others beside them, or as another dtype. */
import {
  broadcastOp,
  broadcastStrides,
  cacheWriteOp,
  castOp,
  concatOp,
  type Kernel,
  padOp,
  stridesOf,
  sizeOf,
  sliceOp,
  transposeOp,
} from "@pare/tensor-core";
import { implement, type GpujsTensor, type GpujsTypes } from "../types.ts";
import { mapStrided } from "./strides.ts";

const COPY = { name: "f32_copy", parameters: { x: "tensor" }, body: "return x[i];" } as const;
const TRUNCATE = {
  name: "f32_truncate",
  parameters: { x: "tensor" },
  body: "const value = x[i]; return value < 0.0 ? Math.ceil(value) : Math.floor(value);",
} as const;

/** Along one axis: `inner` elements per place of it, `length` places in x, `before` zeros before them, `total` places in y. */
const PAD = {
  name: "f32_pad",
  parameters: { x: "tensor", inner: "integer", length: "integer", before: "integer", total: "integer" },
  body: `const place = quotient(i, inner);
    const outer = quotient(place, total);
    const at = place - outer * total - before;
    let value = 0.0;
    if (at >= 0 && at < length) { value = x[(outer * length + at) * inner + i - place * inner]; }
    return value;`,
} as const;

/** Blocks of `left` elements of a and `right` elements of b in turn. */
const CONCAT = {
  name: "f32_concat",
  parameters: { a: "tensor", b: "tensor", left: "integer", right: "integer" },
  body: `const outer = quotient(i, left + right);
    const at = i - outer * (left + right);
    let value = 0.0;
    if (at < left) { value = a[outer * left + at]; } else { value = b[outer * right + at - left]; }
    return value;`,
} as const;

/** A place of the cache is `width` elements. */
const CACHE_WRITE = {
  name: "f32_cache_write",
  parameters: { cache: "tensor", rows: "tensor", starts: "tensor", capacity: "integer", tokens: "integer", width: "integer" },
  body: `const place = quotient(i, width);
    const batch = quotient(place, capacity);
    const token = place - batch * capacity - Math.floor(starts[batch]);
    let value = cache[i];
    if (token >= 0 && token < tokens) { value = rows[(batch * tokens + token) * width + i - place * width]; }
    return value;`,
} as const;

export const copyKernels: readonly Kernel<GpujsTypes>[] = [
  implement(broadcastOp, (encoder, { x }, { y }) =>
    mapStrided(encoder, "f32_gather", "a", y, [{ tensor: x, strides: broadcastStrides(x.shape, y.shape) }]),
  ),
  implement(transposeOp, (encoder, { x }, { y }, { axes }) => {
    const strides = stridesOf(x.shape);
    mapStrided(encoder, "f32_gather", "a", y, [{ tensor: x, strides: axes.map((axis) => strides[axis]!) }]);
  }),
  implement(sliceOp, (encoder, { x }, { y }, { starts }) => {
    const strides = stridesOf(x.shape);
    const start = starts.reduce<number>((sum, first, axis) => sum + Number(first) * strides[axis]!, 0);
    mapStrided(encoder, "f32_gather", "a", y, [{ tensor: x, strides, start }]);
  }),
  implement(padOp, (encoder, { x }, { y }, { before }) => {
    const padded = y.shape.flatMap((size, axis) => (size === x.shape[axis] ? [] : [axis]));
    if (padded.length === 0) encoder.pass(COPY, y, { x });
    let from = x;
    padded.forEach((axis, i) => {
      const shape = from.shape.with(axis, y.shape[axis]!);
      const to: GpujsTensor = i === padded.length - 1 ? y : encoder.scratch(shape);
      const inner = sizeOf(shape.slice(axis + 1));
      encoder.pass(PAD, to, { x: from, inner, length: from.shape[axis]!, before: Number(before[axis]), total: shape[axis]! });
      from = to;
    });
  }),
  implement(concatOp, (encoder, { a, b }, { y }, { axis }) =>
    encoder.pass(CONCAT, y, { a, b, left: sizeOf(a.shape.slice(axis)), right: sizeOf(b.shape.slice(axis)) }),
  ),
  implement(cacheWriteOp, (encoder, { cache, rows, starts }, outputs) => {
    const width = sizeOf(cache.shape.slice(2));
    encoder.pass(CACHE_WRITE, outputs.cache, { cache, rows, starts, capacity: cache.shape[1]!, tokens: rows.shape[1]!, width });
  }),
  implement(castOp, (encoder, { x }, { y }, { dtype }) => encoder.pass(dtype === "i32" ? TRUNCATE : COPY, y, { x: encoder.rounded(x) })),
];
