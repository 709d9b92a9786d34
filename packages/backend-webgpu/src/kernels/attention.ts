/**
 * Scaled dot-product attention and its gradient, block by block (Dao et al., "FlashAttention", 2022): scores of four queries and one
 * block of keys exist at a time, in workgroup memory. In the first half of a block's turn an invocation has a key of its own, in the
 * second half columns of the result; the four queries are a vector in both. The gradient walks twice: over keys for queries, and with
 * the parts of keys and queries exchanged for keys and values.
 */
import { attentionBiasGradientOp, attentionGradientOp, attentionOp, type AttentionAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type Call, type WebgpuEncoder, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { MATH } from "../wgsl/math.ts";
import { reductions } from "../wgsl/reduce.ts";
import { encodeElements } from "./elementwise.ts";

interface Inputs {
  readonly query: WebgpuTensor;
  readonly key: WebgpuTensor;
  readonly value: WebgpuTensor;
  readonly lengths?: WebgpuTensor | undefined;
  readonly starts?: WebgpuTensor | undefined;
  readonly bias?: WebgpuTensor | undefined;
}

interface GradientInputs extends Inputs {
  readonly grad: WebgpuTensor;
  readonly y: WebgpuTensor;
  readonly logSumExp: WebgpuTensor;
}

interface Plan {
  /** Invocations of a workgroup: one for each key (or query) of a block. */
  readonly lanes: number;
  /** Columns of the result that an invocation has. */
  readonly chunks: number;
  /** What all three kernels are called with. */
  readonly call: Pick<Call, "sizes" | "scalars" | "lanes">;
  readonly reads: Call["reads"];
  readonly declare: string;
}

function planOf(
  encoder: WebgpuEncoder,
  { query, key, lengths, starts, bias }: Inputs,
  { scale, causal, keyValueHeads }: AttentionAttrs,
): Plan {
  const [, queries, heads, width] = query.shape as [number, number, number, number];
  const [, keys, groups] = key.shape as [number, number, number];
  const lanes = Math.max(width, keys) <= 32 ? 32 : 64;
  const [biasBatch = 1, biasHeads = 1] = bias?.shape ?? [];
  const sizes = {
    queries,
    heads,
    width,
    keys,
    groups_of_heads: groups,
    bias_batch_step: biasBatch === 1 ? 0 : biasHeads * queries * keys,
    bias_head_step: biasHeads === 1 ? 0 : queries * keys,
  };
  return {
    lanes,
    chunks: Math.ceil(width / lanes),
    call: { lanes, sizes, scalars: { scale } },
    reads: { lengths, starts, bias, shared: encoder.table(keyValueHeads) },
    declare: `${MATH}
${reductions(["sum", "max"], { lanes, features: encoder.features, type: "vec4<f32>" })}
var<workgroup> agreed: vec2<i32>;
fn agree(b: u32, lane: u32) {
  if (lane == 0u) { agreed = vec2(${lengthOf({ lengths })}, ${startOf({ starts })}); }
}
// Keys that a query sees, always the first ones.
fn seen(query: u32, limit: vec2<i32>) -> u32 {
  ${causal ? "return u32(clamp(limit.y + i32(query) + 1, 0, limit.x));" : "return u32(limit.x);"}
}
fn seen_by_four(first: u32, limit: vec2<i32>) -> vec4<u32> {
  return vec4(seen(first, limit), seen(first + 1u, limit), seen(first + 2u, limit), seen(first + 3u, limit));
}
fn query_at(b: u32, query: u32, head: u32) -> u32 { return ((b * p.queries + min(query, p.queries - 1u)) * p.heads + head) * p.width; }
fn key_at(b: u32, key: u32, head: u32) -> u32 { return ((b * p.keys + min(key, p.keys - 1u)) * p.groups_of_heads + head) * p.width; }
fn four_queries(b: u32, first: u32, head: u32) -> vec4<u32> {
  return vec4(query_at(b, first, head), query_at(b, first + 1u, head), query_at(b, first + 2u, head), query_at(b, first + 3u, head));
}
// What is added to a score; -1e30 or less hides the key.
fn bias_of(b: u32, head: u32, query: u32, key: u32) -> f32 {
  ${
    bias === undefined
      ? "return 0.0;"
      : "return read_bias(b * p.bias_batch_step + head * p.bias_head_step + min(query, p.queries - 1u) * p.keys + min(key, p.keys - 1u));"
  }
}
fn four_keys(b: u32, first: u32, head: u32) -> vec4<u32> {
  return vec4(key_at(b, first, head), key_at(b, first + 1u, head), key_at(b, first + 2u, head), key_at(b, first + 3u, head));
}`,
  };
}

function lengthOf({ lengths }: Pick<Inputs, "lengths">): string {
  return lengths === undefined ? "i32(p.keys)" : "clamp(read_lengths(b), 0, i32(p.keys))";
}

function startOf({ starts }: Pick<Inputs, "starts">): string {
  return starts === undefined ? "0" : "read_starts(b)";
}

/** Element i of four vectors. */
function four(tensor: string): string {
  return `vec4(read_${tensor}(at.x + i), read_${tensor}(at.y + i), read_${tensor}(at.z + i), read_${tensor}(at.w + i))`;
}

function perChunk(chunks: number, line: (chunk: number) => string): string {
  return Array.from({ length: chunks }, (_, chunk) => line(chunk)).join("\n");
}

/** What a workgroup is there for, and the limits that it agrees on before it loops. */
const QUERIES = `let first = group % p.blocks * 4u;
  let head = group / p.blocks % p.heads;
  let b = group / p.blocks / p.heads;
  let own_head = word_shared(head);
  let at = four_queries(b, first, head);
  agree(b, lane);
  let limit = workgroupUniformLoad(&agreed);
  let sees = seen_by_four(first, limit);
  let last = seen(min(first + 3u, p.queries - 1u), limit);`;

/** Of key j, for the four queries. */
const BIASES =
  "vec4(bias_of(b, head, first, j), bias_of(b, head, first + 1u, j), bias_of(b, head, first + 2u, j), bias_of(b, head, first + 3u, j))";

/** Four rows of a tensor that is [b, queries, heads, width]. */
function storeQueries(name: string, lanes: number, chunks: number, value: (chunk: number) => string): string {
  return perChunk(
    chunks,
    (c) => `if (lane + ${c * lanes}u < p.width) {
    let result = ${value(c)};
    for (var r = 0u; r < 4u; r++) {
      if (first + r < p.queries) { write_${name}(at[r] + lane + ${c * lanes}u, result[r]); }
    }
  }`,
  );
}

const sizeOfBatch = ({ shape }: WebgpuTensor): number => shape[0]!;

function encodeForward(
  encoder: WebgpuEncoder,
  inputs: Inputs,
  { y, logSumExp }: Readonly<Record<"y" | "logSumExp", WebgpuTensor>>,
  attrs: AttentionAttrs,
): void {
  const { lanes, chunks, call, reads, declare } = planOf(encoder, inputs, attrs);
  const { query, key, value } = inputs;
  const blocks = Math.ceil(query.shape[1]! / 4);
  encoder.call({
    ...call,
    kernel: `f32_attention_4x${lanes}`,
    reads: { query, key, value, ...reads },
    writes: { y, sums: logSumExp },
    sizes: { ...call.sizes, blocks },
    declare: `${declare}
var<workgroup> queries: array<vec4<f32>, ${chunks * lanes}>;
var<workgroup> likely: array<vec4<f32>, ${lanes}>;`,
    body: `${QUERIES}
  for (var i = lane; i < p.width; i += ${lanes}u) { queries[i] = ${four("query")}; }
  workgroupBarrier();
  var highest = vec4(-3.4e38);
  var total = vec4(0.0);
  ${perChunk(chunks, (c) => `var mixed${c} = vec4(0.0);`)}
  for (var begin = 0u; begin < last; begin += ${lanes}u) {
    let j = begin + lane;
    let extra = ${BIASES};
    let valid = (vec4(j) < sees) & (extra > vec4(-1e30));
    var score = vec4(0.0);
    if (j < last) {
      let key = key_at(b, j, own_head);
      for (var i = 0u; i < p.width; i++) { score = fma(queries[i], vec4(read_key(key + i)), score); }
    }
    score = select(vec4(-3.4e38), score * p.scale + extra, valid);
    let now = max(highest, reduce_max(score, lane));
    let shrink = exp_of4(highest - now);
    highest = now;
    let weight = select(vec4(0.0), exp_of4(score - now), valid);
    likely[lane] = weight;
    total = fma(total, shrink, reduce_sum(weight, lane));
    let count = min(${lanes}u, last - begin);
    ${perChunk(
      chunks,
      (c) => `if (lane + ${c * lanes}u < p.width) {
      mixed${c} *= shrink;
      for (var i = 0u; i < count; i++) {
        mixed${c} = fma(likely[i], vec4(read_value(key_at(b, begin + i, own_head) + lane + ${c * lanes}u)), mixed${c});
      }
    }`,
    )}
    workgroupBarrier();
  }
  let none = total == vec4(0.0);
  ${storeQueries("y", lanes, chunks, (c) => `select(mixed${c} / total, vec4(0.0), none)`)}
  if (lane < 4u && first + lane < p.queries) {
    write_sums((b * p.heads + head) * p.queries + first + lane, select(highest[lane] + log_of(total[lane]), 0.0, none[lane]));
  }`,
    groups: sizeOfBatch(query) * query.shape[2]! * blocks,
  });
}

/** dquery: as forward, with the scores' gradients in the place of probabilities and keys in the place of values. */
function encodeQueryGradient(encoder: WebgpuEncoder, inputs: GradientInputs, toQuery: WebgpuTensor, attrs: AttentionAttrs): void {
  const { lanes, chunks, call, reads, declare } = planOf(encoder, inputs, attrs);
  const { grad, query, key, value, y, logSumExp } = inputs;
  const blocks = Math.ceil(query.shape[1]! / 4);
  encoder.call({
    ...call,
    kernel: `f32_attention_query_gradient_4x${lanes}`,
    reads: { grad, query, key, value, y, sums: logSumExp, ...reads },
    writes: { to_query: toQuery },
    sizes: { ...call.sizes, blocks },
    declare: `${declare}
var<workgroup> queries: array<vec4<f32>, ${chunks * lanes}>;
var<workgroup> grads: array<vec4<f32>, ${chunks * lanes}>;
var<workgroup> slopes: array<vec4<f32>, ${lanes}>;`,
    body: `${QUERIES}
  var part = vec4(0.0);
  for (var i = lane; i < p.width; i += ${lanes}u) {
    let slope = ${four("grad")};
    queries[i] = ${four("query")};
    grads[i] = slope;
    part = fma(slope, ${four("y")}, part);
  }
  let along = reduce_sum(part, lane);
  var sums = vec4(0.0);
  for (var r = 0u; r < 4u; r++) { sums[r] = read_sums((b * p.heads + head) * p.queries + min(first + r, p.queries - 1u)); }
  ${perChunk(chunks, (c) => `var mixed${c} = vec4(0.0);`)}
  for (var begin = 0u; begin < last; begin += ${lanes}u) {
    let j = begin + lane;
    let extra = ${BIASES};
    var score = vec4(0.0);
    var slope = vec4(0.0);
    if (j < last) {
      let key = key_at(b, j, own_head);
      for (var i = 0u; i < p.width; i++) {
        score = fma(queries[i], vec4(read_key(key + i)), score);
        slope = fma(grads[i], vec4(read_value(key + i)), slope);
      }
    }
    let valid = (vec4(j) < sees) & (extra > vec4(-1e30));
    slopes[lane] = select(vec4(0.0), p.scale * exp_of4(score * p.scale + extra - sums) * (slope - along), valid);
    workgroupBarrier();
    let count = min(${lanes}u, last - begin);
    ${perChunk(
      chunks,
      (c) => `if (lane + ${c * lanes}u < p.width) {
      for (var i = 0u; i < count; i++) {
        mixed${c} = fma(slopes[i], vec4(read_key(key_at(b, begin + i, own_head) + lane + ${c * lanes}u)), mixed${c});
      }
    }`,
    )}
    workgroupBarrier();
  }
  ${storeQueries("to_query", lanes, chunks, (c) => `mixed${c}`)}`,
    groups: sizeOfBatch(query) * query.shape[2]! * blocks,
  });
}

/** dkey and dvalue: a workgroup has four keys of one head, an invocation a query; over all query heads that read this head. */
function encodeKeyGradient(
  encoder: WebgpuEncoder,
  inputs: GradientInputs,
  to: Readonly<Record<"key" | "value", WebgpuTensor>>,
  attrs: AttentionAttrs,
): void {
  const { lanes, chunks, call, reads, declare } = planOf(encoder, inputs, attrs);
  const { grad, query, key, value, y, logSumExp } = inputs;
  const blocks = Math.ceil(key.shape[1]! / 4);
  encoder.call({
    ...call,
    kernel: `f32_attention_key_gradient_4x${lanes}`,
    reads: { grad, query, key, value, y, sums: logSumExp, ...reads },
    writes: { to_key: to.key, to_value: to.value },
    sizes: { ...call.sizes, blocks },
    declare: `${declare}
var<workgroup> keys: array<vec4<f32>, ${chunks * lanes}>;
var<workgroup> values: array<vec4<f32>, ${chunks * lanes}>;
var<workgroup> likely: array<vec4<f32>, ${lanes}>;
var<workgroup> slopes: array<vec4<f32>, ${lanes}>;`,
    body: `let first = group % p.blocks * 4u;
  let own_head = group / p.blocks % p.groups_of_heads;
  let b = group / p.blocks / p.groups_of_heads;
  let at = four_keys(b, first, own_head);
  agree(b, lane);
  let limit = workgroupUniformLoad(&agreed);
  for (var i = lane; i < p.width; i += ${lanes}u) {
    keys[i] = ${four("key")};
    values[i] = ${four("value")};
  }
  workgroupBarrier();
  ${perChunk(chunks, (c) => `var mixed_keys${c} = vec4(0.0);\n  var mixed_values${c} = vec4(0.0);`)}
  for (var head = 0u; head < p.heads; head++) {
    if (word_shared(head) != own_head) { continue; }
    for (var begin = 0u; begin < p.queries; begin += ${lanes}u) {
      let query = begin + lane;
      let sees = select(0u, seen(query, limit), query < p.queries);
      var score = vec4(0.0);
      var slope = vec4(0.0);
      var along = 0.0;
      var sum = 0.0;
      if (first < sees) {
        let from_query = query_at(b, query, head);
        sum = read_sums((b * p.heads + head) * p.queries + query);
        for (var i = 0u; i < p.width; i++) {
          let g = read_grad(from_query + i);
          along = fma(g, read_y(from_query + i), along);
          score = fma(keys[i], vec4(read_query(from_query + i)), score);
          slope = fma(values[i], vec4(g), slope);
        }
      }
      let extra = vec4(bias_of(b, head, query, first), bias_of(b, head, query, first + 1u), bias_of(b, head, query, first + 2u), bias_of(b, head, query, first + 3u));
      let valid = (vec4(first, first + 1u, first + 2u, first + 3u) < vec4(sees)) & (extra > vec4(-1e30));
      let weight = select(vec4(0.0), exp_of4(score * p.scale + extra - sum), valid);
      likely[lane] = weight;
      slopes[lane] = p.scale * weight * (slope - along);
      workgroupBarrier();
      let count = min(${lanes}u, p.queries - begin);
      ${perChunk(
        chunks,
        (c) => `if (lane + ${c * lanes}u < p.width) {
        for (var i = 0u; i < count; i++) {
          let column = query_at(b, begin + i, head) + lane + ${c * lanes}u;
          mixed_values${c} = fma(likely[i], vec4(read_grad(column)), mixed_values${c});
          mixed_keys${c} = fma(slopes[i], vec4(read_query(column)), mixed_keys${c});
        }
      }`,
      )}
      workgroupBarrier();
    }
  }
  ${perChunk(
    chunks,
    (c) => `if (lane + ${c * lanes}u < p.width) {
    for (var r = 0u; r < 4u; r++) {
      if (first + r < p.keys) {
        write_to_key(at[r] + lane + ${c * lanes}u, mixed_keys${c}[r]);
        write_to_value(at[r] + lane + ${c * lanes}u, mixed_values${c}[r]);
      }
    }
  }`,
  )}`,
    groups: sizeOfBatch(key) * key.shape[2]! * blocks,
  });
}

/** dbias: an invocation per element, over the batch elements and heads that share it. */
function encodeBiasGradient(
  encoder: WebgpuEncoder,
  inputs: GradientInputs & { readonly bias: WebgpuTensor },
  toBias: WebgpuTensor,
  attrs: AttentionAttrs,
): void {
  const { call, reads, declare } = planOf(encoder, inputs, attrs);
  const { grad, query, key, value, y, logSumExp } = inputs;
  const [batch, heads] = toBias.shape as [number, number];
  encodeElements(encoder, toBias.size, {
    kernel: "f32_attention_bias_gradient",
    reads: { grad, query, key, value, y, sums: logSumExp, ...reads },
    writes: { to_bias: toBias },
    sizes: { ...call.sizes, own_batch: batch, own_heads: heads, batch: query.shape[0]! },
    scalars: call.scalars,
    declare: `${declare}
fn limit_of(b: u32) -> vec2<i32> {
  return vec2(${lengthOf(inputs)}, ${startOf(inputs)});
}`,
    body: `let j = i % p.keys;
  let query = i / p.keys % p.queries;
  let own_head = i / p.keys / p.queries % p.own_heads;
  let own_b = i / p.keys / p.queries / p.own_heads;
  let extra = bias_of(own_b, own_head, query, j);
  var total = 0.0;
  for (var b = own_b; b < p.batch && extra > -1e30; b += p.own_batch) {
    if (j >= seen(query, limit_of(b))) { continue; }
    for (var head = own_head; head < p.heads; head += p.own_heads) {
      let from_query = query_at(b, query, head);
      let from_key = key_at(b, j, word_shared(head));
      var score = 0.0;
      var slope = 0.0;
      for (var c = 0u; c < p.width; c++) {
        score = fma(read_query(from_query + c), read_key(from_key + c), score);
        slope = fma(read_grad(from_query + c), read_value(from_key + c) - read_y(from_query + c), slope);
      }
      total = fma(exp_of(score * p.scale + extra - read_sums((b * p.heads + head) * p.queries + query)), slope, total);
    }
  }
  write_to_bias(i, total);`,
  });
}

export const attentionKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(attentionOp, encodeForward),
  implement(attentionBiasGradientOp, (encoder, inputs, { bias }, attrs) => encodeBiasGradient(encoder, inputs, bias, attrs)),
  implement(attentionGradientOp, (encoder, inputs, to, attrs) => {
    encodeQueryGradient(encoder, inputs, to.query, attrs);
    encodeKeyGradient(encoder, inputs, to, attrs);
  }),
];
