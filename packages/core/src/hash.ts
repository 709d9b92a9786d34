/** SHA-256 by Web Crypto, in Node and browsers alike. */
import type { FileSet } from "./artifact.ts";
import { canonicalJson } from "./json.ts";

/** Web Crypto hashes whole buffers only, so content is hashed in pieces of this size and their digests are hashed together. */
const PIECE = 4 * 1024 * 1024;

/** Hex SHA-256 of a value's canonical JSON. Throws `core/not-json`. */
export async function hashJson(value: unknown): Promise<string> {
  return hex(await sha256(new TextEncoder().encode(canonicalJson(value))));
}

/**
 * Hex hash of content of any size in bounded memory: the SHA-256 of its length and of the SHA-256 of each 4 MiB piece. It does
 * not depend on how the content was cut into chunks. (Not the plain SHA-256 of a file.)
 */
export async function hashContent(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const digests: string[] = [];
  const piece = new Uint8Array(PIECE);
  let filled = 0;
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    for (let at = 0; at < chunk.length;) {
      const taken = Math.min(PIECE - filled, chunk.length - at);
      piece.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled === PIECE) {
        digests.push(hex(await sha256(piece)));
        filled = 0;
      }
    }
  }
  if (filled > 0) digests.push(hex(await sha256(piece.subarray(0, filled))));
  return hashJson({ length, pieces: digests });
}

/** A file's bytes `[begin, end)` in pieces of at most 4 MiB. */
export async function* readPieces(files: FileSet, name: string, begin: number = 0, end?: number): AsyncGenerator<Uint8Array> {
  const stop = end ?? (await files.size(name));
  for (let at = begin; at < stop; at += PIECE) yield await files.read(name, at, Math.min(at + PIECE, stop));
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
