/** File sets of a page: files behind a URL, and files that a person has chosen. */
import type { FileSet } from "./artifact.ts";
import { nearNames } from "./error.ts";
import { fileMissing, fileUnreadable, readOnly } from "./errors.ts";
import { below, checkName, checkRange } from "./files.ts";

/**
 * Files that a server gives under a URL. HTTP has no listing, so the names are told; each must be there when it is read.
 *
 * Reads are range requests. From a server that answers them with the whole file, that file is taken once and kept in memory.
 * Throws `core/file-missing` for a name that was not told or that the server does not have, `core/file-unreadable`.
 */
export function urlFiles(base: string | URL, names: readonly string[]): FileSet {
  const location = String(base).replace(/\/$/, "");
  for (const name of names) checkName(location, name);
  const whole = new Map<string, Uint8Array>();
  const sizes = new Map<string, number>();

  const request = async (name: string, init?: RequestInit): Promise<Response> => {
    if (!names.includes(name)) throw fileMissing({ location, name, near: nearNames(name, names) });
    const url = `${location}/${name.split("/").map(encodeURIComponent).join("/")}`;
    const response = await fetch(url, init).catch((cause: unknown) => {
      throw fileUnreadable({ file: url, cause });
    });
    if (response.status === 404) throw fileMissing({ location, name, near: [] });
    if (!response.ok) throw fileUnreadable({ file: url, cause: new Error(`the server answers ${response.status} ${response.statusText}`) });
    return response;
  };
  const keep = async (name: string, response: Response): Promise<Uint8Array> => {
    const bytes = new Uint8Array(await response.arrayBuffer());
    whole.set(name, bytes);
    sizes.set(name, bytes.length);
    return bytes;
  };
  const sizeOf = async (name: string): Promise<number> => {
    const known = sizes.get(name);
    if (known !== undefined) return known;
    // One byte of a range names the size; a HEAD would give the compressed one where a server compresses.
    const response = await request(name, { headers: { range: "bytes=0-0" } });
    const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
    if (response.status !== 206 || total === undefined) return (await keep(name, response)).length;
    await response.arrayBuffer();
    sizes.set(name, Number(total));
    return Number(total);
  };
  return {
    location,
    list: async (under) => below(names, under),
    size: sizeOf,
    read: async (name, begin = 0, end) => {
      const size = await sizeOf(name);
      const stop = end ?? size;
      checkRange(location, name, begin, stop, size);
      const kept = whole.get(name);
      if (kept !== undefined) return kept.slice(begin, stop);
      if (begin === stop) return new Uint8Array();
      const response = await request(name, { headers: { range: `bytes=${begin}-${stop - 1}` } });
      if (response.status !== 206) return (await keep(name, response)).slice(begin, stop);
      const bytes = new Uint8Array(await response.arrayBuffer());
      checkRange(location, name, begin, stop, begin + bytes.length);
      return bytes;
    },
    write: async () => {
      throw readOnly({ location });
    },
  };
}

/**
 * Files that a person has chosen or dropped, under names: `Object.fromEntries([...input.files].map((file) => [file.name, file]))`.
 * Only the ranges that are read are taken into memory.
 */
export function blobFiles(blobs: Readonly<Record<string, Blob>>, location: string = "chosen files"): FileSet {
  const files = new Map(Object.entries(blobs).map(([name, blob]) => [checkName(location, name), blob]));
  const blobOf = (name: string): Blob => {
    const blob = files.get(checkName(location, name));
    if (blob === undefined) throw fileMissing({ location, name, near: nearNames(name, files.keys()) });
    return blob;
  };
  return {
    location,
    list: async (under) => below([...files.keys()], under),
    size: async (name) => blobOf(name).size,
    read: async (name, begin = 0, end) => {
      const blob = blobOf(name);
      checkRange(location, name, begin, end ?? blob.size, blob.size);
      const bytes = await blob
        .slice(begin, end ?? blob.size)
        .arrayBuffer()
        .catch((cause: unknown) => {
          throw fileUnreadable({ file: `${location}/${name}`, cause });
        });
      return new Uint8Array(bytes);
    },
    write: async () => {
      throw readOnly({ location });
    },
  };
}
