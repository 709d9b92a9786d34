/** A transformers folder of a large decoder, written for the judges that need one and for nobody else. */
import { writeText, type FileSet } from "../../packages/core/src/index.ts";
import { writeSafetensors } from "../../packages/formats/src/index.ts";
import type { TensorSource } from "../../packages/tensor-core/src/index.ts";

const HIDDEN = 3072;
const FEED_FORWARD = 8192;
const KEYS = 1024;
const VOCABULARY = 128_256;
/** Files that the tensors lie in. */
export const SHARDS = 4;

const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: HIDDEN,
  intermediate_size: FEED_FORWARD,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  head_dim: 128,
  vocab_size: VOCABULARY,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  hidden_act: "silu",
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
};

/** Shapes of a folder's tensors by the names that the transformers library has for them. */
function shapes(layers: number): Map<string, readonly number[]> {
  const all = new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [VOCABULARY, HIDDEN]],
    ["model.norm.weight", [HIDDEN]],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: readonly number[]): unknown => all.set(`model.layers.${layer}.${name}.weight`, shape);
    add("self_attn.q_proj", [HIDDEN, HIDDEN]);
    add("self_attn.k_proj", [KEYS, HIDDEN]);
    add("self_attn.v_proj", [KEYS, HIDDEN]);
    add("self_attn.o_proj", [HIDDEN, HIDDEN]);
    add("mlp.gate_proj", [FEED_FORWARD, HIDDEN]);
    add("mlp.up_proj", [FEED_FORWARD, HIDDEN]);
    add("mlp.down_proj", [HIDDEN, FEED_FORWARD]);
    add("input_layernorm", [HIDDEN]);
    add("post_attention_layernorm", [HIDDEN]);
  }
  return all;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Numbers between −0.05 and 0.05 as bf16, a million of them, which every tensor begins at another place of. */
function pool(): Uint16Array {
  const bits = new Uint32Array(1);
  const value = new Float32Array(bits.buffer);
  let state = 1;
  return Uint16Array.from({ length: 1_000_003 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    value[0] = (state / 2 ** 32 - 0.5) / 10;
    return bits[0]! >>> 16;
  });
}

/** Writes the shape of Llama 3.2 3B with so many layers, in bf16; gives the bytes of its tensors and of the largest. */
export async function writeLargeFolder(files: FileSet, layers: number): Promise<{ bytes: number; largest: number }> {
  const numbers = pool();
  const map: Record<string, string> = {};
  const shards = Array.from({ length: SHARDS }, () => new Map<string, TensorSource>());
  const all = [...shapes(layers)];
  const sizes = all.map(([, shape]) => 2 * sizeOf(shape));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  let before = 0;
  for (const [index, [name, shape]] of all.entries()) {
    const shard = Math.min(SHARDS - 1, Math.floor((before / bytes) * SHARDS));
    before += sizes[index]!;
    map[name] = shardName(shard);
    const read = async () => ({ dtype: "bf16" as const, shape, data: filled(sizeOf(shape), numbers, index * 7919) });
    shards[shard]!.set(name, { dtype: "bf16", shape, bytes: sizes[index]!, read });
  }
  for (const [index, tensors] of shards.entries()) await writeSafetensors(files, { tensors, metadata: { format: "pt" } }, shardName(index));
  const index = { metadata: { total_size: bytes }, weight_map: map };
  await writeText(files, "model.safetensors.index.json", JSON.stringify(index));
  await writeText(files, "config.json", JSON.stringify({ ...CONFIG, num_hidden_layers: layers }));
  return { bytes, largest: Math.max(...sizes) };
}

function shardName(index: number): string {
  return `model-0000${index + 1}-of-0000${SHARDS}.safetensors`;
}

function filled(count: number, numbers: Uint16Array, from: number): Uint16Array {
  const data = new Uint16Array(count);
  const start = from % numbers.length;
  data.set(numbers.subarray(start, start + count));
  for (let at = Math.min(count, numbers.length - start); at < count; at += numbers.length)
    data.set(numbers.subarray(0, Math.min(numbers.length, count - at)), at);
  return data;
}
