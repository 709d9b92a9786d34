const encoder = new TextEncoder();

/**
 * 64-bit name of an example, for provenance: FNV-1a over the UTF-8 bytes of each text, each closed by a byte that UTF-8
 * never holds, so that ("ab", "c") and ("a", "bc") differ. Among 10⁶ examples two share a hash with probability 3·10⁻⁸.
 * The same everywhere and for ever: saved checkpoints hold it.
 */
export function exampleHash(...texts: readonly string[]): bigint {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  const take = (byte: number): void => {
    low = (low ^ byte) >>> 0;
    // The prime is 2^40 + 0x1b3; low · 0x1b3 stays below 2^53.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 0x1_0000_0000) + (low << 8)) >>> 0;
    low = product >>> 0;
  };
  for (const text of texts) {
    for (const byte of encoder.encode(text)) take(byte);
    take(0xff);
  }
  return (BigInt(high) << 32n) | BigInt(low);
}
