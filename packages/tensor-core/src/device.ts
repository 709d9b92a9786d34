/** What a backend gives: memory, and programs over it. A method per op does not exist; kernels come in packs. */
import type { AnyOp } from "./op.ts";
import type { DType } from "./dtype.ts";

/** A piece of device memory; only its device knows what `handle` is. */
export interface DeviceBuffer {
  readonly bytes: number;
  readonly handle: unknown;
}

/** A planned tensor: bytes `[offset, offset + size)` of a buffer, row-major, 64-byte aligned. */
export interface PlannedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: DeviceBuffer;
  /** Bytes. */
  readonly offset: number;
  /** The bytes never change while the buffer lives: a kernel may keep a repacked copy. */
  readonly constant: boolean;
}

export interface ProgramStep {
  readonly op: AnyOp;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, PlannedTensor | undefined>>;
  readonly outputs: Readonly<Record<string, PlannedTensor>>;
}

export interface Prepared {
  /** Runs all steps in order. Allocates nothing. */
  readonly run: () => Promise<void>;
  readonly dispose: () => void;
}

export interface Device {
  /** Id of the backend: "reference", "wasm". */
  readonly backend: string;
  /** The kernel variant that really runs ("simd", "relaxed-simd"): same variant and seed, same bytes. */
  readonly variant: string;
  /** Threads that share its work, where a device has such: they change no byte. */
  readonly threads?: number | undefined;
  /** Bytes the device can hold at most. */
  readonly memoryLimit: number;
  /** False: the op runs on its reference over this device's memory, and compile says so. */
  readonly supports: (op: string) => boolean;
  /** Zeroed. Throws `tensor-core/device-memory-exceeded` before anything is taken. */
  readonly allocate: (bytes: number) => DeviceBuffer;
  readonly free: (buffer: DeviceBuffer) => void;
  readonly write: (buffer: DeviceBuffer, data: ArrayBufferView, offset?: number) => void;
  /** A copy of bytes `[offset, offset + bytes)`. */
  readonly read: (buffer: DeviceBuffer, offset: number, bytes: number) => Promise<Uint8Array>;
  /** Encodes the steps over their planned buffers; an op without a kernel runs its reference. */
  readonly prepare: (steps: readonly ProgramStep[]) => Prepared;
  readonly close: () => Promise<void>;
}
