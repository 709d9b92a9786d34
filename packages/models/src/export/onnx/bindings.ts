/** How the inputs that transformers.js and optimum give become those that a traced forward pass reads. */
import type { OnnxBinding, OnnxBuilder, OnnxValue } from "@pare/formats";
import type { Dim, Shape } from "@pare/tensor-core";

/** An int64 input of the leaf's shape, as the i32 that the leaf is. */
export function idsInput(name: string): OnnxBinding {
  return (builder, { shape }) => builder.cast(builder.input(name, "i64", shape), "i32");
}

/** Lengths that come from a mask, int64 0 or 1, `[batch, keys]`: attention reads the mask itself, wherever its padding is. */
export function maskInput(name: string, keys: (batch: Dim) => Shape): OnnxBinding {
  return (builder, { shape }) => {
    const mask = builder.input(name, "i64", keys(shape[0]!));
    const sum = builder.node("ReduceSum", [mask, builder.ints([1])], { keepdims: 0 });
    const lengths = builder.cast(sum, "i32");
    builder.maskOf.set(lengths, mask);
    return lengths;
  };
}

/** One more than the place of each row's last token, wherever its padding is; otherwise as {@link maskInput}. */
export function endsInput(name: string, keys: (batch: Dim) => Shape): OnnxBinding {
  return (builder, { shape }) => {
    const [rows, width] = keys(shape[0]!) as [Dim, Dim];
    const mask = builder.input(name, "i64", [rows, width]);
    const stop = builder.node("Add", [builder.node("Squeeze", [builder.dim(width)]), builder.int(1)]);
    const places = builder.node("Mul", [mask, builder.node("Range", [builder.int(1), stop, builder.int(1)])]);
    const ends = builder.cast(builder.node("ReduceMax", [places, builder.ints([1])], { keepdims: 0 }), "i32");
    builder.maskOf.set(ends, mask);
    return ends;
  };
}

/** 0 … seq − 1 in every row. */
export const countedPositions: OnnxBinding = (builder, { shape }) => {
  const stop = builder.node("Squeeze", [builder.dim(shape[1]!)]);
  const row = builder.node("Range", [builder.int(0), stop, builder.int(1)]);
  return builder.cast(builder.node("Expand", [row, builder.shape(shape)]), "i32");
};

/** `[batch]` times the entries of the cache: what there is before this call. */
export function pastLength(past: (builder: OnnxBuilder) => OnnxValue): OnnxBinding {
  return (builder, { shape }) => builder.cast(builder.node("Expand", [past(builder), builder.shape(shape)]), "i32");
}
