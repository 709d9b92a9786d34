/**
 * 8-bit codes as the other type has them, unsigned ones 128 higher: the same bits but the highest. (`Int8Array.from` with a function makes
 * a list of all numbers first, eight bytes each, which ends the process over the embedding of a language model.)
 */

/** Each code less 128. */
export function signedCodes(codes: Uint8Array): Int8Array {
  return new Int8Array(codes.map((code) => code ^ 0x80).buffer);
}

/** Each code and 128. */
export function unsignedCodes(codes: Int8Array): Uint8Array {
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.length).map((code) => code ^ 0x80);
}
