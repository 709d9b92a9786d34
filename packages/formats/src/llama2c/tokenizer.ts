import type { FileSet } from "@pare/core";
import { llama2cTokenizerInvalid } from "../errors.ts";
import { at } from "../named-tensors.ts";

/** One entry of the vocabulary; its id is its place. Adjacent pieces whose concatenation is a piece merge, best score first. */
export interface Llama2cPiece {
  readonly text: string;
  readonly score: number;
}

/** Larger than any vocabulary in use (a million pieces of 50 bytes), small enough to hold. */
const SIZE_LIMIT = 64 * 1024 * 1024;

/**
 * Reads a llama2.c tokenizer file: int32 longest piece, then per piece float32 score, int32 length, UTF-8 bytes.
 *
 * @param vocabularySize pieces that the model knows; the file holds exactly so many.
 * @throws `formats/llama2c-tokenizer-invalid` naming the piece.
 */
export async function readLlama2cTokenizer(files: FileSet, name: string, vocabularySize: number): Promise<readonly Llama2cPiece[]> {
  const file = at(files, name);
  const fail = (field: string, expected: string, found: string): Error => llama2cTokenizerInvalid({ file, field, expected, found });
  const size = await files.size(name);
  if (size > SIZE_LIMIT) throw fail("size", `at most ${SIZE_LIMIT} bytes`, `${size}`);
  // Each piece takes 9 bytes or more, so a vocabulary that cannot fit is refused before anything is read.
  if (size < 4 + 9 * vocabularySize) throw fail("size", `${vocabularySize} pieces, as the model has`, `${size} bytes, too few for them`);
  const bytes = await files.read(name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const longest = view.getInt32(0, true);
  const pieces: Llama2cPiece[] = [];
  const known = new Set<string>();
  let offset = 4;
  for (let id = 0; id < vocabularySize; id++) {
    const field = `piece ${id}`;
    if (offset + 8 > size) throw fail(field, `${vocabularySize} pieces, as the model has`, `${id} before the file ends`);
    const score = view.getFloat32(offset, true);
    const length = view.getInt32(offset + 4, true);
    offset += 8;
    if (!Number.isFinite(score)) throw fail(field, "a finite score", `${score}`);
    if (length < 1 || length > longest || offset + length > size) {
      throw fail(field, `a length of 1 to ${Math.min(longest, size - offset)} bytes`, `${length}`);
    }
    const text = decodeUtf8(bytes.subarray(offset, offset + length), () => fail(field, "UTF-8", "other bytes"));
    if (known.has(text)) throw fail(field, "a piece of its own", `${JSON.stringify(text)} for the second time`);
    known.add(text);
    pieces.push({ text, score });
    offset += length;
  }
  if (offset !== size) throw fail("size", `${offset} bytes for ${vocabularySize} pieces`, `${size}`);
  return pieces;
}

function decodeUtf8(bytes: Uint8Array, fail: () => Error): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fail();
  }
}
