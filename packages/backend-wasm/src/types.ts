/** What kernels of this backend are written against. */
import { kernelsFor, type DType, type Given, type Kernel, type Op } from "@pare/tensor-core";
import type { Pack } from "@pare/core";
import type { WasmVariant } from "./variants.ts";

/** A planned tensor as kernels see it: row-major at a byte address of the device's memory, 64-byte aligned. */
export interface WasmTensor {
  readonly address: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  /** The bytes never change while the program lives. */
  readonly constant: boolean;
}

/** Items to be divided among threads. */
export interface Work {
  readonly size: number;
  /** Ranges begin at multiples of this, 1 if absent. */
  readonly grain?: number | undefined;
  /** What all of it takes on one thread, roughly: too little is not worth dividing. */
  readonly nanoseconds: number;
}

/** Writes one step of a program as calls of exported functions. All memory an encoder asks for is 64-byte aligned. */
export interface WasmEncoder {
  /**
   * Adds a call of a function that the pack's module, or else the device's own module, exports. Arguments are fixed here:
   * addresses, sizes, strides, scalars. Throws `backend-wasm/kernel-unknown`.
   */
  readonly call: (kernel: string, ...args: readonly number[]) => void;
  /**
   * Calls that threads share: `part` encodes items `[begin, end)`. Ranges are run in any order and at once, after what was encoded
   * before and before what is encoded after. Neither their number nor their bounds may change a result: encode sums in one part.
   */
  readonly divide: (work: Work, part: (begin: number, end: number) => void) => void;
  /**
   * Address of bytes that hold garbage before this step and after it: every step of every program shares them. Taken within a part
   * they are garbage before and after that part, and no other thread's.
   */
  readonly scratch: (bytes: number) => number;
  /** Not within a part. Address of zeroed bytes that live as long as the program. */
  readonly persist: (bytes: number) => number;
  /** Not within a part. Address of these numbers as i32, written now, living as long as the program. */
  readonly table: (values: readonly number[]) => number;
  /**
   * Not within a part. Address of a copy of a constant tensor that a function lays out otherwise, run now or by an earlier program,
   * with the arguments that `args` gives for the copy's address; kept as long as the tensor. Undefined where there is no room for it
   * (copies take a quarter of the device's memory at most) and for a tensor that is not constant.
   */
  readonly repacked: (source: WasmTensor, bytes: number, kernel: string, args: (to: number) => readonly number[]) => number | undefined;
  /**
   * Not within a part. Of a norm that follows this step's only output, where one thread runs everything: the address of its description, which
   * `normalise` of `kernels/assembly/lib/norm.ts` takes; else 0. A kernel that asks applies the norm to the rows that it completes, and the
   * step that follows is not encoded.
   */
  readonly norm: () => number;
  /** For writing set-up data at prepare time; take a fresh view of its buffer after every call that gives an address. */
  readonly memory: WebAssembly.Memory;
}

export interface WasmTypes {
  readonly encoder: WasmEncoder;
  readonly tensor: WasmTensor;
}

/** The bytes of the module of each variant. */
export type WasmModules = Readonly<Record<WasmVariant, () => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>>>;

/** Kernels for this backend: AssemblyScript modules (one per variant, importing `env.memory`) and the encoders over them. */
export interface WasmPack extends Pack<"wasm"> {
  readonly modules: WasmModules;
  /** The same, made for pairs of vectors that the engine joins (`joinVectors`): they must compute the same bytes. `modules` runs where absent. */
  readonly wide?: (() => Promise<WasmModules>) | undefined;
  readonly kernels: readonly Kernel<WasmTypes>[];
}

/** `implement(op, (encoder, { x }, { y }, attrs) => …)`: a kernel with the op's own types. */
export const implement: <In extends string, Opt extends string, Out extends string, Attrs>(
  op: Op<string, In, Opt, Out, Attrs>,
  encode: (encoder: WasmEncoder, inputs: Given<In, Opt, WasmTensor>, outputs: Readonly<Record<Out, WasmTensor>>, attrs: Attrs) => void,
) => Kernel<WasmTypes> = kernelsFor<WasmTypes>();
