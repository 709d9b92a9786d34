/** The blocks of 32 that ggml quantizes to, as affine codes (x = scale · (code − 2^(bits−1))) and back. */
import { fromF16, toF16 } from "@pare/tensor-core";
import { GGUF_TYPES } from "./types.ts";

/** Numbers that share a scale. */
export const BLOCK = 32;

/** A quantized type as affine codes of so many bits. */
export interface BlockType {
  readonly bits: 4 | 8;
  readonly bytes: number;
  /** Codes of one block, packed as affine storage packs them (low bits first), from the block's bytes behind the scale. */
  readonly unpack: (block: Uint8Array, from: number, codes: Uint8Array, to: number) => void;
  /** The other way. */
  readonly pack: (codes: Uint8Array, from: number, block: Uint8Array, to: number) => void;
}

export const BLOCK_TYPES: Readonly<Record<"q8_0" | "q4_0", BlockType>> = {
  q8_0: {
    bits: 8,
    bytes: GGUF_TYPES.q8_0.bytes,
    // Signed bytes and unsigned codes around 128 differ in the highest bit alone.
    unpack: (block, from, codes, to) => {
      for (let i = 0; i < BLOCK; i++) codes[to + i] = block[from + i]! ^ 0x80;
    },
    pack: (codes, from, block, to) => {
      for (let i = 0; i < BLOCK; i++) block[to + i] = codes[from + i]! ^ 0x80;
    },
  },
  q4_0: {
    bits: 4,
    bytes: GGUF_TYPES.q4_0.bytes,
    unpack: (block, from, codes, to) => {
      for (let i = 0; i < BLOCK / 4; i++) {
        const [first, second] = [block[from + 2 * i]!, block[from + 2 * i + 1]!];
        codes[to + i] = (first & 15) | ((second & 15) << 4);
        codes[to + BLOCK / 4 + i] = (first >> 4) | (second & 0xf0);
      }
    },
    pack: (codes, from, block, to) => {
      for (let i = 0; i < BLOCK / 4; i++) {
        const [low, high] = [codes[from + i]!, codes[from + BLOCK / 4 + i]!];
        block[to + 2 * i] = (low & 15) | ((high & 15) << 4);
        block[to + 2 * i + 1] = (low >> 4) | (high & 0xf0);
      }
    },
  },
};

export type QuantizedType = keyof typeof BLOCK_TYPES;

/** Packed codes of all blocks, in order. */
export function codesOfBlocks(type: QuantizedType, bytes: Uint8Array): Uint8Array {
  const { bits, bytes: size, unpack } = BLOCK_TYPES[type];
  const blocks = bytes.length / size;
  const step = (BLOCK * bits) / 8;
  const codes = new Uint8Array(blocks * step);
  for (let block = 0; block < blocks; block++) unpack(bytes, block * size + 2, codes, block * step);
  return codes;
}

/** The scale of each block, in order. */
export function scalesOfBlocks(type: QuantizedType, bytes: Uint8Array): Float32Array {
  const { bytes: size } = BLOCK_TYPES[type];
  const scales = new Float32Array(bytes.length / size);
  for (let block = 0; block < scales.length; block++) scales[block] = fromF16(bytes[block * size]! | (bytes[block * size + 1]! << 8));
  return scales;
}

/**
 * Blocks from packed codes and their scales.
 *
 * @param scales f16 bits, one per block.
 */
export function blocksOf(type: QuantizedType, codes: Uint8Array, scales: Uint16Array): Uint8Array {
  const { bits, bytes: size, pack } = BLOCK_TYPES[type];
  const step = (BLOCK * bits) / 8;
  const bytes = new Uint8Array(scales.length * size);
  for (let block = 0; block < scales.length; block++) {
    bytes[block * size] = scales[block]! & 0xff;
    bytes[block * size + 1] = scales[block]! >> 8;
    pack(codes, block * step, bytes, block * size + 2);
  }
  return bytes;
}

/**
 * Numbers rounded to blocks, ties away from zero. q8_0: d = max|x| / 127; q4_0: d = (the number of largest size) / −8, so that
 * it keeps its sign and its size; both against the scale as f16, which is what is stored.
 *
 * @param values rows of whole blocks of 32, finite and smaller than what an f16 scale can hold.
 */
export function roundToBlocks(type: QuantizedType, values: Float32Array): Uint8Array {
  const { bits } = BLOCK_TYPES[type];
  const scales = new Uint16Array(values.length / BLOCK);
  const step = (BLOCK * bits) / 8;
  const codes = new Uint8Array(scales.length * step);
  for (let block = 0; block < scales.length; block++) {
    const begin = block * BLOCK;
    let extreme = 0;
    for (let i = begin; i < begin + BLOCK; i++) if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!;
    scales[block] = toF16(type === "q8_0" ? Math.abs(extreme) / 127 : extreme / -8);
    const scale = fromF16(scales[block]!);
    const [middle, low, high] = type === "q8_0" ? [128, 1, 255] : [8, 0, 15];
    for (let i = 0; i < BLOCK; i++) {
      const exact = scale === 0 ? 0 : values[begin + i]! / scale;
      const code = Math.min(high, Math.max(low, Math.sign(exact) * Math.floor(Math.abs(exact) + 0.5) + middle));
      if (bits === 8) codes[block * step + i] = code;
      else codes[block * step + (i >> 1)]! |= code << (4 * (i & 1));
    }
  }
  return blocksOf(type, codes, scales);
}
