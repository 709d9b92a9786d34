/** Codes of 1–8 bits in packed rows: low bits first, each row padded to whole bytes. */

/** Bytes of one packed row. */
export function packedRowBytes(columns: number, bits: number): number {
  return Math.ceil((columns * bits) / 8);
}

/** One code per byte → packed rows, low bits first; codes of a byte are given back as they are. */
export function packCodes(codes: Uint8Array, [rows, columns]: readonly [number, number], bits: number): Uint8Array {
  if (bits === 8) return codes;
  const rowBytes = packedRowBytes(columns, bits);
  const packed = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    for (let column = 0, bit = row * rowBytes * 8; column < columns; column++, bit += bits) {
      const code = codes[row * columns + column]! << (bit & 7);
      packed[bit >> 3]! |= code & 0xff;
      if ((bit & 7) + bits > 8) packed[(bit >> 3) + 1]! |= code >> 8;
    }
  }
  return packed;
}

/** Packed rows → one code per byte; codes of a byte are given back as they are. */
export function unpackCodes(packed: Uint8Array, [rows, columns]: readonly [number, number], bits: number): Uint8Array {
  if (bits === 8) return packed;
  const rowBytes = packedRowBytes(columns, bits);
  const codes = new Uint8Array(rows * columns);
  const all = (1 << bits) - 1;
  for (let row = 0; row < rows; row++) {
    for (let column = 0, bit = row * rowBytes * 8; column < columns; column++, bit += bits) {
      const high = (bit & 7) + bits > 8 ? packed[(bit >> 3) + 1]! << 8 : 0;
      codes[row * columns + column] = ((packed[bit >> 3]! | high) >> (bit & 7)) & all;
    }
  }
  return codes;
}
