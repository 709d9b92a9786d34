/** Turns program steps into a flat list of bound calls. */
import { nearNames } from "@pare/core";
import {
  allocateArray,
  sizeOf,
  viewArray,
  type DType,
  type HostTensor,
  type Kernel,
  type PlannedTensor,
  type ProgramStep,
} from "@pare/tensor-core";
import type { Allocator } from "./allocator.ts";
import { dtypeUnsupported, kernelUnknown } from "./errors.ts";
import type { WasmEncoder, WasmTensor, WasmTypes } from "./types.ts";

const COMPUTED: readonly DType[] = ["f32", "i32", "u8"];

export type WasmFunction = (...args: number[]) => number | void;
export type WasmFunctions = Readonly<Record<string, WasmFunction>>;

/** A kernel with the functions it may call. */
export interface BoundKernel {
  readonly kernel: Kernel<WasmTypes>;
  readonly functions: WasmFunctions;
}

/** Blocks that steps share: a step takes what it needs, the next step takes the same again. */
export interface ScratchPool {
  readonly take: (bytes: number) => number;
  /** A new step begins. */
  readonly reset: () => void;
}

export function createScratch(allocator: Allocator): ScratchPool {
  const blocks: { readonly address: number; readonly bytes: number; taken: boolean }[] = [];
  return {
    take: (bytes) => {
      let block = blocks.find((candidate) => !candidate.taken && candidate.bytes >= bytes);
      if (block === undefined) {
        // Half again as much as asked for, so that slowly growing requests end in few blocks.
        const size = Math.max(65536, Math.ceil(bytes * 1.5));
        block = { address: allocator.allocate(size), bytes: size, taken: false };
        blocks.push(block);
        blocks.sort((a, b) => a.bytes - b.bytes);
      }
      block.taken = true;
      return block.address;
    },
    reset: () => {
      for (const block of blocks) block.taken = false;
    },
  };
}

export interface Encoding {
  readonly calls: readonly (() => unknown)[];
  /** What the program holds besides planned buffers. */
  readonly kept: readonly { readonly address: number; readonly bytes: number }[];
}

export interface EncodingParts {
  readonly memory: WebAssembly.Memory;
  readonly allocator: Allocator;
  readonly scratch: ScratchPool;
  readonly kernels: ReadonlyMap<string, BoundKernel>;
}

export function encodeSteps(steps: readonly ProgramStep[], { memory, allocator, scratch, kernels }: EncodingParts): Encoding {
  const calls: (() => unknown)[] = [];
  const kept: { address: number; bytes: number }[] = [];
  const persist = (bytes: number): number => {
    const address = allocator.allocate(bytes);
    kept.push({ address, bytes });
    return address;
  };
  const encoderOf = ({ kernel: { op }, functions }: BoundKernel): WasmEncoder => ({
    memory,
    persist,
    scratch: scratch.take,
    table: (values) => {
      const address = persist(values.length * 4);
      new Int32Array(memory.buffer, address, values.length).set(values);
      return address;
    },
    call: (name, ...args) => {
      const found = functions[name];
      if (found === undefined) throw kernelUnknown({ kernel: name, op, near: nearNames(name, Object.keys(functions)) });
      // A bound function passes its arguments on without collecting them: running allocates nothing.
      calls.push(found.bind(undefined, ...args));
    },
  });
  try {
    for (const step of steps) {
      const bound = kernels.get(step.op.name);
      scratch.reset();
      if (bound === undefined) calls.push(referenceCall(step, memory));
      else {
        refuseWideTypes(step);
        const outputs = map(step.outputs, (planned) => tensorOf(planned)!);
        bound.kernel.encode(encoderOf(bound), map(step.inputs, tensorOf), outputs, step.attrs);
      }
    }
  } catch (error) {
    for (const { address, bytes } of kept) allocator.free(address, bytes);
    throw error;
  }
  return { calls, kept };
}

/** Kernels know 4-byte numbers and bytes; anything else would be read as those. */
function refuseWideTypes({ op, inputs, outputs }: ProgramStep): void {
  for (const [field, planned] of [...Object.entries(inputs), ...Object.entries(outputs)]) {
    if (planned !== undefined && !COMPUTED.includes(planned.dtype)) throw dtypeUnsupported({ op: op.name, field, dtype: planned.dtype });
  }
}

function tensorOf(planned: PlannedTensor | undefined): WasmTensor | undefined {
  if (planned === undefined) return undefined;
  const { shape, dtype, constant } = planned;
  return { address: addressOf(planned), shape, dtype, size: sizeOf(shape), constant };
}

function addressOf({ buffer, offset }: PlannedTensor): number {
  return (buffer.handle as number) + offset;
}

/** The op's own definition, over copies of the tensors in this memory. */
function referenceCall({ op, attrs, inputs, outputs }: ProgramStep, memory: WebAssembly.Memory): () => void {
  return () => {
    const found = op.reference(
      map(inputs, (planned) => planned && hostCopy(planned, memory)),
      attrs,
    ) as Readonly<Record<string, HostTensor>>;
    for (const [name, planned] of Object.entries(outputs)) {
      const { buffer, byteOffset, byteLength } = found[name]!.data;
      new Uint8Array(memory.buffer, addressOf(planned), byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
    }
  };
}

function hostCopy(planned: PlannedTensor, memory: WebAssembly.Memory): HostTensor {
  const { dtype, shape } = planned;
  const { BYTES_PER_ELEMENT } = allocateArray(dtype, 0);
  const bytes = new Uint8Array(memory.buffer, addressOf(planned), sizeOf(shape) * BYTES_PER_ELEMENT);
  return { dtype, shape, data: viewArray(dtype, bytes.slice()) };
}

function map<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
