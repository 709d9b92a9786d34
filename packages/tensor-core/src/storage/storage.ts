/** A weight knows its own storage: how its bytes lie, how it becomes dense, and the ops that can run on it as it is. */
import type { DType } from "../dtype.ts";
import type { HostTensor, TensorSource } from "../host.ts";
import type { Value } from "../graph.ts";

/** How a weight is used: `linear` is x·Wᵀ (+ bias), `rows` looks rows up by id. */
export type WeightUse = "linear" | "rows";

/** Immutable, host-side, lazy: making one reads nothing. Linear weights are `[out, in]`. */
export interface StoredWeight {
  /** Id of the storage plugin that reads it again. */
  readonly storage: string;
  readonly shape: readonly number[];
  /** Bytes of all parts. */
  readonly bytes: number;
  /** Plain named tensors, which any file format can carry. */
  readonly parts: Readonly<Record<string, TensorSource>>;
  /** Plain JSON that with the parts rebuilds the weight; holds at least what `parts` cannot say. */
  readonly descriptor: Readonly<Record<string, unknown>>;
  /** The whole weight as dense f32 (quantized values as the numbers they stand for, pruned ones as 0). */
  readonly dense: () => Promise<HostTensor>;
  /** Whether training may update it directly; a quantized weight trains only through a view. */
  readonly trainable: boolean;
  /** 1 where a weight is kept, 0 where it was pruned, u8 `[out, in]`; undefined: nothing was pruned. */
  readonly mask?: (() => Promise<HostTensor>) | undefined;
  /** How many of its numbers are not 0, counted without making it dense; undefined: the storage has no quicker way. */
  readonly kept?: (() => Promise<number>) | undefined;
  /** The same kind of storage and the same mask over new dense values: what training writes back. Absent where untrainable. */
  readonly withValues?: ((dense: HostTensor) => StoredWeight) | undefined;
  /** Ways to run it without making it dense first, best guess first. A dense GEMM over the densified weight is always possible besides. */
  readonly candidates: (use: WeightUse) => readonly Candidate[];
}

/** One way to run a stored weight. */
export interface Candidate {
  /** Recorded as the choice: "affine-linear", "sparse-block-linear". */
  readonly name: string;
  /** Ops that the device must have. */
  readonly ops: readonly string[];
  /** It does not give what the stored weight gives, for a reason of speed: only a chooser that asks for it takes it. */
  readonly approximate?: boolean | undefined;
  /** Bytes of weight it reads, for choosers. */
  readonly bytes: number;
  /** Adds the nodes. `part` gives the storage's tensors as leaves. Linear: `x` `[…, in]` → `[…, out]`; rows: ids i32 `[…]` → `[…, in]`. */
  readonly lower: (inputs: { readonly x: Value; readonly bias?: Value | undefined }, part: (name: string) => Value) => Value;
  /** Parts it needs beyond those stored (unpacked codes, transposed blocks), made once at upload; their types must be known beforehand. */
  readonly derived?: Readonly<Record<string, DerivedPart>> | undefined;
}

export interface DerivedPart {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Given the weight's name, for errors. */
  readonly make: (weight: string) => Promise<HostTensor>;
}

/** What a `storage` plugin defines. */
export interface StorageDefinition {
  /** Checks parts against the descriptor and each other; throws `tensor-core/storage-invalid`. Reads no data. */
  readonly load: (
    weight: string,
    descriptor: Readonly<Record<string, unknown>>,
    parts: Readonly<Record<string, TensorSource>>,
  ) => StoredWeight;
}

/** Picks among a weight's candidates once shapes are known. */
export interface Choice {
  readonly weight: string;
  readonly stored: StoredWeight;
  readonly use: WeightUse;
  /** Rows of x: tokens in this binding. */
  readonly rows: number;
  /** Those whose ops the device has. */
  readonly candidates: readonly Candidate[];
}
/** `candidate` undefined: densify and use the dense kernel. */
export type Chooser = (choice: Choice) => Promise<{ readonly candidate: Candidate | undefined; readonly why: string }>;
