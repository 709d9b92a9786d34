/** The checkpoint file of llama2.c, version 0 ("legacy export"): 7 int32, then float32 tensors in a fixed order. */
import type { FileSet } from "@pare/core";
import type { TensorSource } from "@pare/tensor-core";
import { llama2cInvalid } from "../errors.ts";
import { at, elements, rangeSource } from "../named-tensors.ts";

/** What the header says, in llama2.c's own names. */
export interface Llama2cConfig {
  readonly dim: number;
  readonly hiddenDim: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabularySize: number;
  readonly sequenceLength: number;
  /** False: the file ends with a classifier of its own (written as a negative vocabulary size). */
  readonly sharedClassifier: boolean;
}

export interface Llama2cCheckpoint {
  readonly config: Llama2cConfig;
  /** `token_embedding`, `rms_final`, `wcls` where it is not shared, and `layers.<i>.` + `rms_att wq wk wv wo rms_ffn w1 w2 w3`; matrices `[out, in]`. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
}

const HEADER_BYTES = 28;
/** First four bytes of the versions after 0: "ak42". */
const LATER_VERSIONS = 0x616b3432;
/** Stored for every position; whoever runs the model computes them anew. */
const ROTATION_TABLES = ["freq_cis_real", "freq_cis_imag"];

/**
 * Opens a llama2.c checkpoint: reads 28 bytes, and a tensor's own bytes when that tensor is used.
 *
 * Throws `formats/llama2c-invalid` where the header is not credible or does not account for every byte of the file.
 */
export async function readLlama2cCheckpoint(files: FileSet, name: string): Promise<Llama2cCheckpoint> {
  const file = at(files, name);
  const size = await files.size(name);
  if (size < HEADER_BYTES) throw llama2cInvalid({ file, field: "header", expected: `${HEADER_BYTES} bytes`, found: `${size}` });
  const config = checkConfig(file, await files.read(name, 0, HEADER_BYTES));
  const sections = layout(config);
  const end = sections.reduce((total, { count, shape }) => total + count * elements(shape) * 4, HEADER_BYTES);
  if (end !== size) throw llama2cInvalid({ file, field: "header", expected: `${end} bytes by its sizes`, found: `${size} bytes` });
  const tensors = new Map<string, TensorSource>();
  let begin = HEADER_BYTES;
  for (const { name: tensor, shape, count, layered } of sections) {
    for (let index = 0; index < count; index++) {
      const full = layered ? `layers.${index}.${tensor}` : tensor;
      if (!ROTATION_TABLES.includes(tensor))
        tensors.set(full, rangeSource({ files, file: name, tensor: full, dtype: "f32", shape, begin }));
      begin += elements(shape) * 4;
    }
  }
  return { config, tensors };
}

interface Section {
  readonly name: string;
  readonly shape: readonly number[];
  readonly count: number;
  readonly layered: boolean;
}

function layout({
  dim,
  hiddenDim,
  layers,
  heads,
  keyValueHeads,
  vocabularySize,
  sequenceLength,
  sharedClassifier,
}: Llama2cConfig): Section[] {
  const keyValueDim = (dim / heads) * keyValueHeads;
  const once = (name: string, ...shape: number[]): Section => ({ name, shape, count: 1, layered: false });
  const each = (name: string, ...shape: number[]): Section => ({ name, shape, count: layers, layered: true });
  const sections = [
    once("token_embedding", vocabularySize, dim),
    each("rms_att", dim),
    each("wq", dim, dim),
    each("wk", keyValueDim, dim),
    each("wv", keyValueDim, dim),
    each("wo", dim, dim),
    each("rms_ffn", dim),
    each("w1", hiddenDim, dim),
    each("w2", dim, hiddenDim),
    each("w3", hiddenDim, dim),
    once("rms_final", dim),
    ...ROTATION_TABLES.map((table) => once(table, sequenceLength, dim / heads / 2)),
  ];
  return sharedClassifier ? sections : [...sections, once("wcls", vocabularySize, dim)];
}

function checkConfig(file: string, header: Uint8Array): Llama2cConfig {
  const fail = (field: string, expected: string, found: number): Error => llama2cInvalid({ file, field, expected, found: `${found}` });
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
  const [dim, hiddenDim, layers, heads, keyValueHeads, vocabulary, sequenceLength] = Array.from({ length: 7 }, (_, index) =>
    view.getInt32(index * 4, true),
  ) as [number, number, number, number, number, number, number];
  if (dim === LATER_VERSIONS) throw fail("version", "0, without a magic number", view.getInt32(4, true));
  const fields = {
    dim,
    hidden_dim: hiddenDim,
    n_layers: layers,
    n_heads: heads,
    n_kv_heads: keyValueHeads,
    vocab_size: Math.abs(vocabulary),
    seq_len: sequenceLength,
  };
  for (const [field, value] of Object.entries(fields)) if (value < 1) throw fail(field, "1 or more", value);
  if (dim % (2 * heads) !== 0) throw fail("n_heads", `a number that cuts dim ${dim} into even pieces`, heads);
  if (heads % keyValueHeads !== 0) throw fail("n_kv_heads", `a divisor of n_heads ${heads}`, keyValueHeads);
  return {
    dim,
    hiddenDim,
    layers,
    heads,
    keyValueHeads,
    vocabularySize: Math.abs(vocabulary),
    sequenceLength,
    sharedClassifier: vocabulary > 0,
  };
}
