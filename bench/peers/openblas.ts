/** The system's OpenBLAS through a small C program, where there is a C compiler and the library (Debian: `libopenblas0-pthread`). */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Way } from "./way.ts";

export const OPENBLAS = "OpenBLAS";

export interface OpenBlas {
  /** Its version, the kernels that it chose for this machine and its threads. */
  readonly version: string;
  readonly linear: (x: Float32Array, weight: Float32Array, shape: readonly [number, number, number]) => Promise<Way>;
  readonly close: () => void;
}

/** undefined, said aloud, where it cannot be had. */
export async function openBlas(): Promise<OpenBlas | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "pare-openblas-"));
  try {
    const program = join(folder, "openblas");
    execFileSync("cc", ["-O2", "-o", program, join(import.meta.dirname, "openblas.c"), "-ldl"], { stdio: ["ignore", "ignore", "pipe"] });
    const child = spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
    const reader = readerOf(child);
    const version = new TextDecoder().decode(await reader.line());
    if (!version.endsWith("threads 1")) throw new Error(`OpenBLAS does not run on one thread: ${version}`);
    return { version, linear: (x, weight, shape) => linearOn(child, reader, { x, weight, shape }), close: () => child.kill() };
  } catch (error) {
    const why = error instanceof Error ? error.message.trim().split("\n").at(-1) : error;
    console.warn(`OpenBLAS is not measured: ${why} (Debian: apt-get install gcc libc6-dev libopenblas0-pthread)`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Product {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly shape: readonly [number, number, number];
}

async function linearOn(child: ChildProcess, reader: Reader, { x, weight, shape }: Product): Promise<Way> {
  const send = (bytes: ArrayBufferView): void => void child.stdin!.write(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  // Ends the product before, if there was one: the program then reads a shape.
  if (started.has(child)) child.stdin!.write("n");
  started.add(child);
  send(Int32Array.from(shape));
  send(x);
  send(weight);
  return {
    run: async () => {
      child.stdin!.write("r");
      return { milliseconds: 1000 * new Float64Array((await reader.bytes(8)).buffer)[0]! };
    },
    result: async () => {
      child.stdin!.write("y");
      return new Float32Array((await reader.bytes(4 * shape[0] * shape[2])).buffer);
    },
  };
}

const started = new WeakSet<ChildProcess>();

interface Reader {
  readonly bytes: (count: number) => Promise<Uint8Array<ArrayBuffer>>;
  readonly line: () => Promise<Uint8Array<ArrayBuffer>>;
}

/** Hands out what the child writes, in pieces of the size that is asked for; throws what it says on ending. */
function readerOf(child: ChildProcess): Reader {
  let pending: Uint8Array<ArrayBuffer> = new Uint8Array();
  let wake: (() => void) | undefined;
  let ended: string | undefined;
  let told = "";
  child.stdout!.on("data", (chunk: Uint8Array) => {
    const joined = new Uint8Array(pending.length + chunk.length);
    joined.set(pending);
    joined.set(chunk, pending.length);
    pending = joined;
    wake?.();
  });
  child.stderr!.on("data", (chunk) => (told += chunk));
  child.on("close", (code) => {
    ended = told.trim() || `the program ended with ${code}`;
    wake?.();
  });
  const take = async (enough: () => number): Promise<Uint8Array<ArrayBuffer>> => {
    let count = enough();
    for (; count < 0; count = enough()) {
      if (ended !== undefined) throw new Error(ended);
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const taken = pending.slice(0, count);
    pending = pending.slice(count);
    return taken;
  };
  return {
    bytes: (count) => take(() => (pending.length >= count ? count : -1)),
    line: async () => (await take(() => pending.indexOf(10) + 1 || -1)).slice(0, -1),
  };
}
