/** Pruned weights for benches: a random mask of blocks, so that a bench depends on no model. */
import { f32, uniform, type HostTensor, type StoredWeight } from "../../packages/tensor-core/src/index.ts";
import { toSparseAffine } from "../../packages/sparse-kernels/src/index.ts";

export interface RandomMask {
  readonly out: number;
  readonly features: number;
  /** Of the entries, pruned. */
  readonly percent: number;
  /** Outputs × inputs that are pruned together. */
  readonly rows: number;
  readonly columns?: number | undefined;
}

/** `[out, features]`, uniform in −.5–.5 where a random mask keeps it. */
export function prunedWeight({ out, features, percent, rows, columns = 1 }: RandomMask): HostTensor {
  const blockColumns = Math.ceil(features / columns);
  const chance = uniform(3, rows, Math.ceil(out / rows) * blockColumns);
  const values = uniform(4, rows, out * features);
  const blockOf = (i: number): number => Math.floor(i / features / rows) * blockColumns + Math.floor((i % features) / columns);
  return f32(
    [out, features],
    values.map((value, i) => (chance[blockOf(i)]! * 100 < percent ? 0 : value - 0.5)),
  );
}

/** Kept 4×2 blocks as int8 codes, one scale for all outputs. */
export function roundedBlocks({ shape, data }: HostTensor): StoredWeight {
  const [out, features] = shape as [number, number];
  const codes = Uint8Array.from(data as Float32Array, (value) => 128 + Math.round(value * 254));
  const mask: HostTensor = { dtype: "u8", shape, data: Uint8Array.from(data as Float32Array, (value) => Number(value !== 0)) };
  const scales = new Float32Array(out).fill(1 / 254);
  return toSparseAffine({ shape: [out, features], bits: 8, groupSize: features, codes, scales }, { rows: 4, columns: 2 }, mask);
}
