/** What attention and its gradient share: the type rule, which keys a query sees, and cases. */
import type { DType } from "../../dtype.ts";
import type { Dim, Shape } from "../../dim.ts";
import { i32, type HostTensor, type TensorType } from "../../host.ts";
import type { OpCase } from "../../op.ts";
import { expectDType, expectRank, expectShape, expectThat, floatType } from "./check.ts";
import { ODD_SIZES, sampler } from "./cases.ts";
import { dataOf, make, type OwnTensor } from "./host.ts";
import { logSumExp as logSumExpOf } from "./softmax.ts";

export interface AttentionAttrs {
  /** Factor of the scores, usually 1/√d. */
  readonly scale: number;
  readonly causal: boolean;
  /** For each query head, the key/value head it reads: heads may be shared unevenly. */
  readonly keyValueHeads: readonly number[];
}

export interface AttentionInputs<T> {
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly lengths?: T | undefined;
  readonly starts?: T | undefined;
  readonly bias?: T | undefined;
}

/** A bias of this or less hides its key: far below any score, and still a number where a device has no infinities. */
const HIDDEN = -1e30;

/** Checks the inputs; gives the dtype and the shape `[b, h, tq]` of what is kept per query. */
export function inferAttention(
  op: string,
  { query, key, value, lengths, starts, bias }: AttentionInputs<TensorType>,
  { keyValueHeads }: AttentionAttrs,
): { readonly dtype: DType; readonly rows: Shape } {
  expectRank(op, "query", query, 4);
  expectRank(op, "key", key, 4);
  const [batch, tokens, heads, width] = query.shape as [Dim, Dim, Dim, Dim];
  const [, length, groups] = key.shape as [Dim, Dim, Dim, Dim];
  expectShape(op, "key", key, [batch, length, groups, width]);
  expectShape(op, "value", value, key.shape);
  expectThat(
    keyValueHeads.length === heads,
    op,
    "keyValueHeads",
    `${String(heads)} numbers, one per query head`,
    String(keyValueHeads.length),
  );
  const known = keyValueHeads.every((head) => Number.isInteger(head) && head >= 0 && (typeof groups !== "number" || head < groups));
  expectThat(known, op, "keyValueHeads", `heads in [0, ${String(groups)})`, `[${keyValueHeads.join(", ")}]`);
  for (const [field, type] of [
    ["lengths", lengths],
    ["starts", starts],
  ] as const) {
    if (type === undefined) continue;
    expectDType(op, field, type, "i32");
    expectShape(op, field, type, [batch]);
  }
  if (bias !== undefined) {
    expectRank(op, "bias", bias, 4);
    const [first, second] = bias.shape as [Dim, Dim];
    expectShape(op, "bias", bias, [first === 1 ? 1 : batch, second === 1 ? 1 : heads, tokens, length]);
  }
  return { dtype: floatType(op, { query, key, value, bias }), rows: [batch, heads, tokens] };
}

export interface Look {
  /** Place of this query and head in `[b, h, tq]`. */
  readonly row: number;
  /** Where its query vector (and its output) begins. */
  readonly queryAt: number;
  /** Scaled scores with their bias, of its valid keys, which are always the first ones; −Infinity where hidden. None where all are hidden. */
  readonly scores: Float64Array;
  /** Where the vector of key (or value) j begins. */
  readonly keyAt: (j: number) => number;
  /** Where its row of the bias begins. */
  readonly biasAt: number;
}

/** Every query of every head with the scores of the keys it sees. */
export function* lookAt(
  { query, key, lengths, starts, bias }: AttentionInputs<HostTensor>,
  { scale, causal, keyValueHeads }: AttentionAttrs,
): Generator<Look> {
  const [batch, tokens, heads, width] = query.shape as [number, number, number, number];
  const [, capacity, groups] = key.shape as [number, number, number];
  const [queries, keys, biases] = [dataOf(query), dataOf(key), bias && dataOf(bias)];
  const [biasBatch = 1, biasHeads = 1] = bias?.shape ?? [];
  for (let b = 0; b < batch; b++) {
    const length = Math.min(capacity, lengths === undefined ? capacity : dataOf(lengths)[b]!);
    const start = starts === undefined ? 0 : dataOf(starts)[b]!;
    for (let h = 0; h < heads; h++) {
      const keyAt = (j: number): number => ((b * capacity + j) * groups + keyValueHeads[h]!) * width;
      for (let i = 0; i < tokens; i++) {
        const queryAt = ((b * tokens + i) * heads + h) * width;
        const valid = Math.max(0, causal ? Math.min(length, start + i + 1) : length);
        const biasAt = (((b % biasBatch) * biasHeads + (h % biasHeads)) * tokens + i) * capacity;
        const scores = Float64Array.from({ length: valid }, (_, j) => {
          const extra = biases?.[biasAt + j] ?? 0;
          return extra <= HIDDEN ? -Infinity : scale * dot(queries, queryAt, keys, keyAt(j), width) + extra;
        });
        const blind = scores.every((score) => score === -Infinity);
        yield { row: (b * heads + h) * tokens + i, queryAt, scores: blind ? new Float64Array(0) : scores, keyAt, biasAt };
      }
    }
  }
}

/** Attention on the host. */
export function attend(inputs: AttentionInputs<HostTensor>, attrs: AttentionAttrs): { y: OwnTensor; logSumExp: OwnTensor } {
  const [batch, tokens, heads, width] = inputs.query.shape as [number, number, number, number];
  const y = make(inputs.query.dtype, inputs.query.shape);
  const logSumExp = make(inputs.query.dtype, [batch, heads, tokens]);
  const values = dataOf(inputs.value);
  for (const { row, queryAt, scores, keyAt } of lookAt(inputs, attrs)) {
    if (scores.length === 0) continue;
    const logSum = logSumExpOf(scores);
    const mixed = new Float64Array(width);
    scores.forEach((score, j) => {
      const weight = Math.exp(score - logSum);
      for (let i = 0; i < width; i++) mixed[i]! += weight * values[keyAt(j) + i]!;
    });
    y.data.set(mixed, queryAt);
    logSumExp.data[row] = logSum;
  }
  return { y, logSumExp };
}

export function dot(a: ArrayLike<number>, aAt: number, b: ArrayLike<number>, bAt: number, length: number): number {
  let total = 0;
  for (let i = 0; i < length; i++) total += a[aAt + i]! * b[bAt + i]!;
  return total;
}

interface Shapes {
  readonly name: string;
  readonly batch?: number;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly heads: readonly number[];
  readonly causal?: boolean;
  readonly lengths?: readonly number[];
  readonly starts?: readonly number[];
  /** Batch elements and heads of the bias. */
  readonly bias?: readonly [number, number];
  /** Keys that the bias hides from each query, the same for all of its batch elements and heads. */
  readonly hidden?: readonly (readonly number[])[];
}

const LIMITED = { batch: 2, queries: 3, keys: 9, width: 4, heads: [0, 0], causal: true, lengths: [7, 4], starts: [4, 1] };

const CASES: readonly Shapes[] = [
  ...ODD_SIZES.map((width) => ({ name: `width ${width}`, queries: 2, keys: 3, width, heads: [0] })),
  ...ODD_SIZES.map((keys) => ({ name: `${keys} keys`, queries: 2, keys, width: 4, heads: [0] })),
  ...[1, 3, 5, 8, 17].map((tokens) => ({
    name: `causal, ${tokens} tokens`,
    queries: tokens,
    keys: tokens,
    width: 4,
    heads: [0, 1],
    causal: true,
  })),
  { name: "many keys", batch: 2, queries: 19, keys: 301, width: 64, heads: [0, 0, 1], causal: true, lengths: [301, 70], starts: [282, 51] },
  { name: "grouped heads", batch: 2, queries: 3, keys: 5, width: 6, heads: [0, 0, 1, 1], causal: true },
  { name: "uneven heads", queries: 3, keys: 3, width: 4, heads: [1, 0, 1, 1, 2], causal: true },
  { name: "lengths", batch: 3, queries: 2, keys: 5, width: 4, heads: [0, 1], lengths: [5, 1, 3] },
  { name: "causal with lengths and starts", ...LIMITED },
  {
    name: "decode one token",
    batch: 3,
    queries: 1,
    keys: 16,
    width: 8,
    heads: [0, 0, 1, 1],
    causal: true,
    lengths: [16, 1, 6],
    starts: [15, 0, 5],
  },
  { name: "queries without keys", batch: 2, queries: 2, keys: 3, width: 4, heads: [0, 1], lengths: [0, 2] },
  ...ODD_SIZES.map((keys): Shapes => ({ name: `bias, ${keys} keys`, queries: 3, keys, width: 4, heads: [0, 1], bias: [1, 2] })),
  { name: "bias per batch element and head", batch: 2, queries: 5, keys: 6, width: 4, heads: [0, 1, 1], bias: [2, 3] },
  { name: "bias per batch element", batch: 2, queries: 5, keys: 6, width: 4, heads: [0, 1, 1], bias: [2, 1] },
  { name: "bias for all", batch: 2, queries: 2, keys: 6, width: 4, heads: [0, 1, 1], bias: [1, 1] },
  { name: "bias, causal with lengths and starts", ...LIMITED, bias: [1, 2] },
  { name: "bias, decode one token", batch: 3, queries: 1, keys: 16, width: 8, heads: [0, 0, 1, 1], lengths: [16, 1, 6], bias: [3, 4] },
  { name: "bias, many keys", batch: 2, queries: 19, keys: 70, width: 24, heads: [0, 0, 1], lengths: [70, 33], bias: [1, 3] },
  { name: "bias hides keys", batch: 2, queries: 3, keys: 5, width: 4, heads: [0, 1], bias: [1, 1], hidden: [[0, 3], [], [4, 1, 2]] },
  {
    name: "bias hides all keys",
    batch: 2,
    queries: 2,
    keys: 3,
    width: 4,
    heads: [0, 0],
    lengths: [3, 2],
    bias: [2, 2],
    hidden: [
      [0, 1],
      [2, 1, 0],
    ],
  },
];

type Cases = Generator<OpCase<"query" | "key" | "value", "lengths" | "starts" | "bias", AttentionAttrs>>;

export function* attentionCases(): Cases {
  for (const { name, batch = 1, queries, keys, width, heads, causal = false, lengths, starts, bias, hidden = [] } of CASES) {
    const { f32 } = sampler(name);
    const blind = hidden.some((row) => row.length === keys);
    const stored = [batch, keys, Math.max(...heads) + 1, width];
    yield {
      name,
      inputs: {
        query: f32([batch, queries, heads.length, width], -2, 2),
        key: f32(stored, -2, 2),
        value: f32(stored),
        lengths: lengths && i32([batch], lengths),
        starts: starts && i32([batch], starts),
        bias: bias && hiding(f32([...bias, queries, keys], -2, 2), hidden),
      },
      attrs: { scale: 1 / Math.sqrt(width), causal, keyValueHeads: heads },
      tolerance: 2e-5,
      ...(keys * queries > 1000 ? { checkGradient: [] } : {}),
      // Around a query that sees nothing the output jumps.
      ...(blind ? { checkGradient: ["query", "key", "value"] as const } : {}),
      why: "f32 sums in scores and mixture, an f32 polynomial for exp",
    };
  }
}

function hiding(bias: HostTensor, hidden: readonly (readonly number[])[]): HostTensor {
  const [batch, heads, queries, keys] = bias.shape as [number, number, number, number];
  const data = dataOf(bias).slice();
  for (let of = 0; of < batch * heads; of++) {
    hidden.forEach((row, i) => row.forEach((j) => (data[(of * queries + i) * keys + j] = HIDDEN)));
  }
  return { ...bias, data };
}
