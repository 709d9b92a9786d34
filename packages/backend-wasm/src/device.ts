/** The device: one WebAssembly memory, kernels of this package and of packs, programs as lists of bound calls. */
import { wasmUnavailable, threadsUnsupported } from "./errors.ts";
import type { Device, DeviceBuffer } from "@pare/tensor-core";
import type { AnyPack } from "@pare/core";
import { createAllocator } from "./allocator.ts";
import { createScratch, encodeSteps, type BoundKernel } from "./encoder.ts";
import { chooseVariant, instantiateAll, type Instances } from "./instantiate.ts";
import { KERNELS } from "./kernels/index.ts";
import type { WasmPack } from "./types.ts";
import type { WasmVariant } from "./variants.ts";

export interface WasmDeviceOptions {
  /** Kernels of other packages; those of other backends are left aside, of two kernels for one op the later pack's runs. */
  readonly packs?: readonly AnyPack[] | undefined;
  /** Plain SIMD, so that every machine gives the same bytes. */
  readonly portable?: boolean | undefined;
  /** 1, the default. */
  readonly threads?: number | undefined;
  /** Bytes at most; default and ceiling are the 4 GiB of wasm32. */
  readonly memoryLimit?: number | undefined;
}

export interface WasmDevice extends Device {
  readonly backend: "wasm";
  readonly variant: WasmVariant;
}

const WASM32 = 2 ** 32;

/** Throws `backend-wasm/unavailable` where the engine has no SIMD, `backend-wasm/threads-unsupported` for more than one thread. */
export async function openWasm(options: WasmDeviceOptions = {}): Promise<WasmDevice> {
  const { packs = [], portable = false, threads = 1, memoryLimit = WASM32 } = options;
  if (threads !== 1) throw threadsUnsupported({ threads });
  const variant = await chooseVariant(portable);
  if (variant === undefined) throw wasmUnavailable({});
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instances = await instantiateAll(variant, memory, packs.filter(isWasmPack));
  return deviceOver(memory, variant, instances, Math.min(memoryLimit, WASM32));
}

function deviceOver(memory: WebAssembly.Memory, variant: WasmVariant, instances: Instances, memoryLimit: number): WasmDevice {
  const kernels = kernelTable(instances);
  const allocator = createAllocator(memory, memoryLimit);
  const scratch = createScratch(allocator);
  return {
    backend: "wasm",
    variant,
    memoryLimit,
    supports: (op) => kernels.has(op),
    allocate: (bytes) => ({ bytes, handle: allocator.allocate(bytes) }),
    free: (buffer) => allocator.free(addressOf(buffer), buffer.bytes),
    write: (buffer, { buffer: source, byteOffset, byteLength }, offset = 0) => {
      new Uint8Array(memory.buffer, addressOf(buffer) + offset, byteLength).set(new Uint8Array(source, byteOffset, byteLength));
    },
    read: async (buffer, offset, bytes) => new Uint8Array(memory.buffer, addressOf(buffer) + offset, bytes).slice(),
    prepare: (steps) => {
      const { calls, kept } = encodeSteps(steps, { memory, allocator, scratch, kernels });
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
    close: async () => {},
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
