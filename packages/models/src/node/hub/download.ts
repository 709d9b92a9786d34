/** One file of the Hub onto the disk: whole under its name, or in part under another. */
import { createHash, type Hash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { fileUnwritable, isPareError, type Progress } from "@pare/core";
import { hubCorrupted, hubUnreachable } from "../../errors.ts";
import { settle, sizeAt, type HubFile } from "./cache.ts";
import type { Remote } from "./remote.ts";

export interface Download extends HubFile {
  readonly remote: Remote;
  /** For errors: the repository and its commit. */
  readonly location: string;
  readonly commit: string;
  readonly name: string;
  /** Where the content goes. */
  readonly target: string;
  readonly progress: ((progress: Progress) => void) | undefined;
}

/**
 * Fetches content, going on where an earlier attempt ended: `<target>.incomplete`, which the Hub's other clients go on with too. It gets
 * its name once size and hash are those that the Hub says. Two processes may fetch the same: they write the same bytes at the same places.
 *
 * A connection that breaks is taken up again as long as each attempt brings something.
 *
 * @throws `models/hub-corrupted` for content that is another, also after it was fetched from the start; `core/file-unwritable`, and what
 *   {@link Remote} throws.
 */
export async function fetchBlob(download: Download): Promise<void> {
  const { target, size } = download;
  const partial = `${target}.incomplete`;
  const system = onDisk(partial);
  await system(mkdir(dirname(target), { recursive: true }));
  for (;;) {
    const begin = await beginning(partial, size);
    const { done, right, error } = await attempt(download, partial, begin);
    if (right) break;
    if (done < size && done > begin) continue;
    if (done < size) throw error ?? cutOff(download, done);
    await system(rm(partial, { force: true }));
    if (begin === 0) throw hubCorrupted({ location: download.location, name: download.name, etag: download.etag });
  }
  await system(settle(partial, target));
}

interface Attempt {
  /** Bytes that are on the disk. */
  readonly done: number;
  /** All are there, and they are the right ones. */
  readonly right: boolean;
  /** What broke the connection. */
  readonly error: unknown;
}

async function attempt(download: Download, partial: string, begin: number): Promise<Attempt> {
  const { remote, commit, name, size, etag, progress } = download;
  const system = onDisk(partial);
  const hash = await hashOfBeginning(etag, size, partial, begin);
  const file = await system(open(partial, constants.O_WRONLY | constants.O_CREAT));
  let done = begin;
  let error: unknown;
  const take = async (chunk: Uint8Array): Promise<void> => {
    const at = done;
    done += chunk.length;
    if (done > size) throw new Error("more comes than the file has");
    await system(writeAt(file, chunk, at));
    hash.update(chunk);
    progress?.({ done, total: size, unit: "bytes", message: name });
  };
  try {
    if (begin < size) await remote.read(commit, name, begin, take);
    await system(file.sync());
  } catch (thrown) {
    if (!(isPareError(thrown) && thrown.code === hubUnreachable.code)) throw thrown;
    error = thrown;
  } finally {
    await file.close();
  }
  return { done, error, right: done === size && hash.digest("hex") === etag };
}

/** How much of the content is on the disk; a file that is longer than the content is taken away. */
async function beginning(partial: string, size: number): Promise<number> {
  const found = (await sizeAt(partial)) ?? 0;
  if (found <= size) return found;
  await onDisk(partial)(rm(partial, { force: true }));
  return 0;
}

/** The Hub's hash of a file: SHA-256 of its bytes, or git's SHA-1 of a blob, with what is on the disk in it. */
async function hashOfBeginning(etag: string, size: number, partial: string, begin: number): Promise<Hash> {
  const hash = etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  if (begin > 0) for await (const piece of createReadStream(partial, { end: begin - 1 })) hash.update(piece as Uint8Array);
  return hash;
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

function cutOff({ location, name, size }: Download, done: number): Error {
  return hubUnreachable({ endpoint: location, what: name, why: `the answer ends after ${done} of ${size} bytes`, cause: undefined });
}

/** Throws `core/file-unwritable` where the system refuses. */
function onDisk(path: string): <T>(work: Promise<T>) => Promise<T> {
  return (work) =>
    work.catch((cause: unknown) => {
      throw fileUnwritable({ file: path, cause });
    });
}
