/** Small llama2.c files, made by the format's definition. */

export interface Sizes {
  readonly dim: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  /** Negative: with a classifier of its own. */
  readonly vocabulary: number;
  readonly context: number;
}

/** Every float holds its index; `header` overwrites header fields by place. */
export function llama2cBytes(sizes: Sizes, header: Readonly<Record<number, number>> = {}): Uint8Array {
  const { dim, hidden, layers, heads, keyValueHeads, vocabulary, context } = sizes;
  const keyValue = (dim / heads) * keyValueHeads;
  const perLayer = 2 * dim + 2 * dim * dim + 2 * dim * keyValue + 3 * dim * hidden;
  const tables = context * (dim / heads);
  const matrices = Math.abs(vocabulary) * dim * (vocabulary < 0 ? 2 : 1);
  const floats = matrices + layers * perLayer + dim + tables;
  const bytes = new Uint8Array(28 + 4 * floats);
  const view = new DataView(bytes.buffer);
  [dim, hidden, layers, heads, keyValueHeads, vocabulary, context].forEach((value, place) =>
    view.setInt32(place * 4, header[place] ?? value, true),
  );
  for (let i = 0; i < floats; i++) view.setFloat32(28 + 4 * i, i, true);
  return bytes;
}

export function tokenizerBytes(pieces: readonly { readonly text: string; readonly score: number }[]): Uint8Array {
  const texts = pieces.map(({ text }) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(4 + texts.reduce((sum, text) => sum + 8 + text.length, 0));
  const view = new DataView(bytes.buffer);
  view.setInt32(0, Math.max(...texts.map((text) => text.length)), true);
  let at = 4;
  for (const [id, text] of texts.entries()) {
    view.setFloat32(at, pieces[id]!.score, true);
    view.setInt32(at + 4, text.length, true);
    bytes.set(text, at + 8);
    at += 8 + text.length;
  }
  return bytes;
}
