import { attentionOp, cacheWriteOp, ropeOp, type Dim, type RopeAttrs } from "@pare/tensor-core";
import type { OnnxBuilder, OnnxValue } from "../builder.ts";
import { onnxLowering, type OnnxLowering } from "../lowering.ts";

/** Added to the scores of keys that a query must not see: e^x is 0 after it, and no sum with a score overflows. */
const UNSEEN = { f32: -1e30, f16: -30_000 } as const;

interface Sight {
  readonly lengths?: OnnxValue | undefined;
  readonly starts?: OnnxValue | undefined;
  readonly causal: boolean;
  readonly queries: Dim;
  readonly keys: Dim;
}

/** int64 0 … size − 1, shaped `[1, …, size, …]`. */
function counting(builder: OnnxBuilder, size: Dim, shape: readonly number[]): OnnxValue {
  return builder.once(`counting ${String(size)} ${shape.join()}`, () => {
    const stop = builder.node("Squeeze", [builder.dim(size)]);
    return builder.node("Reshape", [builder.node("Range", [builder.int(0), stop, builder.int(1)]), builder.ints(shape)]);
  });
}

/** int64 `[batch, 1, 1, 1]` of int32 `[batch]`. */
function perRow(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  return builder.once(`per row ${x}`, () => builder.node("Reshape", [builder.cast(x, "i64"), builder.ints([-1, 1, 1, 1])]));
}

/** Which keys a query sees, bool, broadcasting to `[batch, heads, queries, keys]`; undefined: all. */
function seen(builder: OnnxBuilder, { lengths, starts, causal, queries, keys }: Sight): OnnxValue | undefined {
  const conditions: OnnxValue[] = [];
  const mask = lengths === undefined ? undefined : builder.maskOf.get(lengths);
  if (mask !== undefined) {
    const flat = builder.node("Unsqueeze", [builder.cast(mask, "bool"), builder.ints([1, 2])]);
    conditions.push(flat);
  } else if (lengths !== undefined) {
    conditions.push(builder.node("Less", [counting(builder, keys, [1, 1, 1, -1]), perRow(builder, lengths)]));
  }
  if (causal) {
    const own = counting(builder, queries, [1, 1, -1, 1]);
    const last = starts === undefined ? own : builder.node("Add", [own, perRow(builder, starts)]);
    conditions.push(builder.node("LessOrEqual", [counting(builder, keys, [1, 1, 1, -1]), last]));
  }
  return conditions.length === 0 ? undefined : conditions.reduce((a, b) => builder.node("And", [a, b]));
}

/** What is added to the scores, made once for all layers that see alike. */
function penalty(builder: OnnxBuilder, sight: Sight): OnnxValue | undefined {
  if (sight.lengths === undefined && !sight.causal) return undefined;
  return builder.once(`penalty ${sightKey(sight)}`, () =>
    builder.node("Where", [seen(builder, sight)!, builder.scalar(0), builder.scalar(UNSEEN[builder.float])]),
  );
}

const sightKey = ({ lengths, starts, causal, queries, keys }: Sight): string =>
  [lengths ?? "", starts ?? "", causal, String(queries), String(keys)].join(" ");

/** 1 where a query sees a key, 0 where the bias hides all, `[batch, heads, queries, 1]`: of no keys the softmax would be even. */
function anySeen(builder: OnnxBuilder, scores: OnnxValue): OnnxValue {
  const best = builder.node("ReduceMax", [scores, builder.ints([-1])], { keepdims: 1 });
  return builder.cast(builder.node("Greater", [best, builder.scalar(UNSEEN[builder.float] / 2)]), builder.float);
}

/** Key/value heads as query heads read them: `[batch, keys, groups, width]` → `[batch, keys, heads, width]`. */
function spread(builder: OnnxBuilder, x: OnnxValue, heads: readonly number[], groups: Dim): OnnxValue {
  if (heads.length === groups && heads.every((head, index) => head === index)) return x;
  return builder.node("Gather", [x, builder.ints(heads)], { axis: 2 });
}

const HEADS_FIRST = { perm: [0, 2, 1, 3] };

export const attention: readonly OnnxLowering[] = [
  onnxLowering(attentionOp, (builder, given, { attrs, inputs }) => {
    const { lengths, starts } = given;
    const [queries, keys, groups] = [inputs.query.shape[1]!, inputs.key.shape[1]!, inputs.key.shape[2]!];
    const sight: Sight = { lengths, starts, causal: attrs.causal, queries, keys };
    // Scaled before the product, so that f16 scores stay small.
    const query = builder.node("Transpose", [builder.node("Mul", [given.query, builder.scalar(attrs.scale)])], HEADS_FIRST);
    const key = builder.node("Transpose", [spread(builder, given.key, attrs.keyValueHeads, groups)], { perm: [0, 2, 3, 1] });
    const value = builder.node("Transpose", [spread(builder, given.value, attrs.keyValueHeads, groups)], HEADS_FIRST);
    const added = [penalty(builder, sight), given.bias].filter((one) => one !== undefined);
    const scores = added.reduce((sum, one) => builder.node("Add", [sum, one]), builder.node("MatMul", [query, key]));
    const shares = builder.node("Softmax", [scores], { axis: -1 });
    const mixed = builder.node("MatMul", [shares, value]);
    const seeing = given.bias === undefined ? mixed : builder.node("Mul", [mixed, anySeen(builder, scores)]);
    const y = builder.node("Transpose", [seeing], HEADS_FIRST);
    // Of no keys at all the softmax would be even: such a row is 0. Under a mask such rows are padding, and nobody reads them.
    if (lengths === undefined || builder.maskOf.has(lengths)) return { y };
    const any = builder.once(`any ${lengths}`, () =>
      builder.cast(builder.node("Greater", [perRow(builder, lengths), builder.int(0)]), builder.float),
    );
    return { y: builder.node("Mul", [y, any]) };
  }),
  onnxLowering(ropeOp, (builder, { x, positions }, { attrs, inputs, outputs }) => {
    const width = inputs.x.shape[3] as number;
    const { cosine, sine } = rotations(builder, positions, width, attrs);
    const [first, second] = attrs.pairing === "half" ? halves(builder, x) : neighbours(builder, x, width);
    const turn = (a: OnnxValue, b: OnnxValue, join: "Sub" | "Add"): OnnxValue =>
      builder.node(join, [
        builder.node("Mul", [a, join === "Sub" ? cosine : sine]),
        builder.node("Mul", [b, join === "Sub" ? sine : cosine]),
      ]);
    const [real, imaginary] = [turn(first, second, "Sub"), turn(first, second, "Add")];
    if (attrs.pairing === "half") return { y: builder.node("Concat", [real, imaginary], { axis: -1 }) };
    const apart = [real, imaginary].map((part) => builder.node("Unsqueeze", [part, builder.ints([-1])]));
    const paired = builder.node("Concat", apart, { axis: -1 });
    return { y: builder.node("Reshape", [paired, builder.ints([0, 0, outputs.y.shape[2] as number, width])]) };
  }),
  // The cache that comes in holds what came before; what goes out holds the new rows behind it.
  onnxLowering(cacheWriteOp, (builder, { cache, rows }) => ({ cache: builder.node("Concat", [cache, rows], { axis: 1 }) })),
];

/** cos and sin of position·base^(−2i/width), `[batch, tokens, 1, width / 2]`, made once; angles in f32 whatever the model's type. */
function rotations(
  builder: OnnxBuilder,
  positions: OnnxValue,
  width: number,
  { base, inverse, frequencies }: RopeAttrs,
): { readonly cosine: OnnxValue; readonly sine: OnnxValue } {
  const key = `${positions} ${width} ${base} ${inverse} ${frequencies?.join() ?? ""}`;
  const angle = builder.once(`angle ${key}`, () => {
    const speeds = Array.from(
      { length: width / 2 },
      (_, pair) => (inverse ? -1 : 1) * (frequencies?.[pair] ?? base ** ((-2 * pair) / width)),
    );
    const places = builder.node("Unsqueeze", [builder.cast(positions, "f32"), builder.ints([2, 3])]);
    return builder.node("Mul", [places, builder.floats([width / 2], speeds, "f32")]);
  });
  const of = (opType: "Cos" | "Sin"): OnnxValue =>
    builder.once(`${opType} ${key}`, () => {
      const value = builder.node(opType, [angle]);
      return builder.float === "f32" ? value : builder.cast(value, "f16");
    });
  return { cosine: of("Cos"), sine: of("Sin") };
}

function halves(builder: OnnxBuilder, x: OnnxValue): [OnnxValue, OnnxValue] {
  const outputs = [builder.fresh("first"), builder.fresh("second")] as [OnnxValue, OnnxValue];
  builder.node("Split", [x], { axis: -1, num_outputs: 2 }, { outputs });
  return outputs;
}

function neighbours(builder: OnnxBuilder, x: OnnxValue, width: number): [OnnxValue, OnnxValue] {
  const pairs = builder.node("Reshape", [x, builder.ints([0, 0, 0, width / 2, 2])]);
  const pick = (index: number): OnnxValue => builder.node("Gather", [pairs, builder.int(index)], { axis: -1 });
  return [pick(0), pick(1)];
}
