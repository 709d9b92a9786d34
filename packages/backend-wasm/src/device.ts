/** The device: one WebAssembly memory, kernels of this package and of packs, programs as lists of bound calls. */
import { threadsInvalid, wasmUnavailable } from "./errors.ts";
import type { Device, DeviceBuffer } from "@pare/tensor-core";
import { isPareError, type AnyPack } from "@pare/core";
import { createAllocator } from "./allocator.ts";
import { encodeSteps, type BoundKernel, type Crew } from "./encoder.ts";
import { chooseBuild, instantiateAll, type Build, type Instances } from "./instantiate.ts";
import { KERNELS } from "./kernels/index.ts";
import { createRepacked } from "./repacked.ts";
import { createScratch } from "./scratch.ts";
import { openTeam } from "./team/team.ts";
import type { WasmPack } from "./types.ts";
import { vectorsJoined } from "./wide.ts";
import type { WasmVariant } from "./variants.ts";

export interface WasmDeviceOptions {
  /** Kernels of other packages; those of other backends are left aside, of two kernels for one op the later pack's runs. */
  readonly packs?: readonly AnyPack[] | undefined;
  /** Plain SIMD, so that every machine gives the same bytes. */
  readonly portable?: boolean | undefined;
  /** Kernels made for pairs of vectors that the engine joins; by default where it does (see `joinVectors`). False: those for narrow ones. */
  readonly wide?: boolean | undefined;
  /**
   * Threads that share the work of a call, 1 if absent; results do not depend on it. More than one need shared memory: worker threads
   * of Node, or Web Workers of a page that is cross-origin isolated.
   */
  readonly threads?: number | undefined;
  /** Told where the device runs on one thread although more were asked for; `console.warn` if absent. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Bytes at most; default and ceiling are the 4 GiB of wasm32. */
  readonly memoryLimit?: number | undefined;
}

export interface WasmDevice extends Device {
  readonly backend: "wasm";
  readonly variant: WasmVariant;
  /** Bits of the vectors that its kernels are made for. */
  readonly vectors: 128 | 256;
  /** How many there really are. */
  readonly threads: number;
}

const WASM32 = 2 ** 32;
const PAGE = 65536;
const MOST_THREADS = 64;
const LEAST_PIECE = 15_000;
/** Of the memory, for copies of weights that lie as kernels read them. */
const REPACKED = 1 / 4;

/** Throws `backend-wasm/unavailable` where the engine has no SIMD, `backend-wasm/threads-invalid`. */
export async function openWasm(options: WasmDeviceOptions = {}): Promise<WasmDevice> {
  return openDividing(options, LEAST_PIECE);
}

/** The same, dividing work into pieces of so many nanoseconds at least. */
export async function openDividing(options: WasmDeviceOptions, leastPiece: number): Promise<WasmDevice> {
  const { packs = [], portable = false, wide = vectorsJoined(), threads = 1, memoryLimit = WASM32, onWarning = console.warn } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) throw threadsInvalid({ threads });
  const build = await chooseBuild({ portable, vectors: wide ? 256 : 128 });
  if (build === undefined) throw wasmUnavailable({});
  const limit = Math.min(memoryLimit, WASM32);
  const parts = { build, packs: packs.filter(isWasmPack), limit };
  if (threads === 1) return openAlone(parts);
  try {
    return await openShared(parts, threads, leastPiece);
  } catch (error) {
    if (isPareError(error)) throw error;
    onWarning(`the wasm device runs on 1 thread instead of ${threads}: ${error instanceof Error ? error.message : error}`);
    return openAlone(parts);
  }
}

interface DeviceParts {
  readonly build: Build;
  readonly packs: readonly WasmPack[];
  readonly limit: number;
}

async function openAlone({ build, packs, limit }: DeviceParts): Promise<WasmDevice> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return deviceOver(memory, build, await instantiateAll(build, memory, packs), limit);
}

async function openShared({ build, packs, limit }: DeviceParts, threads: number, leastPiece: number): Promise<WasmDevice> {
  if (globalThis.crossOriginIsolated === false) throw new Error("the page is not cross-origin isolated, so that memory cannot be shared");
  const memory = new WebAssembly.Memory({ initial: 1, maximum: Math.max(1, Math.ceil(limit / PAGE)), shared: true });
  const instances = await instantiateAll(build, memory, packs);
  const team = await openTeam(threads, { memory, modules: instances.modules });
  let programs = 0;
  const indexOf = new Map(instances.functions.map((run, index) => [run, index]));
  return deviceOver(memory, build, instances, limit, { team, indexOf, serial: () => ++programs % 2 ** 31, leastPiece });
}

function deviceOver(
  memory: WebAssembly.Memory,
  { variant, vectors }: Build,
  instances: Instances,
  memoryLimit: number,
  crew?: Crew | undefined,
): WasmDevice {
  const kernels = kernelTable(instances);
  const allocator = createAllocator(memory, memoryLimit);
  const threads = crew?.team.threads ?? 1;
  const scratch = Array.from({ length: threads }, () => createScratch(allocator));
  const repacked = createRepacked(allocator, REPACKED * memoryLimit);
  return {
    backend: "wasm",
    variant,
    vectors,
    threads,
    memoryLimit,
    supports: (op) => kernels.has(op),
    allocate: (bytes) => ({ bytes, handle: allocator.allocate(bytes) }),
    free: (buffer) => {
      repacked.drop(addressOf(buffer), buffer.bytes);
      allocator.free(addressOf(buffer), buffer.bytes);
    },
    write: (buffer, { buffer: source, byteOffset, byteLength }, offset = 0) => {
      new Uint8Array(memory.buffer, addressOf(buffer) + offset, byteLength).set(new Uint8Array(source, byteOffset, byteLength));
    },
    read: async (buffer, offset, bytes) => new Uint8Array(memory.buffer, addressOf(buffer) + offset, bytes).slice(),
    prepare: (steps) => {
      const { calls, kept } = encodeSteps(steps, { memory, allocator, scratch, repacked, kernels, crew });
      const done = Promise.resolve();
      return {
        run: () => {
          for (let i = 0; i < calls.length; i++) calls[i]!();
          return done;
        },
        dispose: () => {
          for (const { address, bytes } of kept) allocator.free(address, bytes);
        },
      };
    },
    close: async () => crew?.team.close(),
  };
}

function addressOf(buffer: DeviceBuffer): number {
  return buffer.handle as number;
}

function kernelTable({ own, packs }: Instances): ReadonlyMap<string, BoundKernel> {
  const table = new Map<string, BoundKernel>();
  for (const kernel of KERNELS) table.set(kernel.op, { kernel, functions: own });
  for (const { pack, functions } of packs) for (const kernel of pack.kernels) table.set(kernel.op, { kernel, functions });
  return table;
}

function isWasmPack(pack: AnyPack): pack is WasmPack {
  return pack.backend === "wasm";
}
