/** Linear weights that train through a factor per weight or block: masks of scores, gates. */
import type { WeightSpec } from "@pare/models";
import {
  asFloat32,
  broadcast,
  f32,
  mul,
  reshape,
  slice,
  type HostTensor,
  type StoredWeight,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import type { Leaf, TrainableView } from "@pare/training";
import { blockOf, unitOf, unitsOf, type Pattern } from "./score.ts";
import { storePruned, type PrunedStorage } from "./store-pruned.ts";

/** What multiplies a weight `[rows, columns]`, one number per unit of the pattern. */
export interface UnitFactor {
  readonly leaves: Readonly<Record<string, Leaf>>;
  /** Traced, f32 `[unit rows, unit columns]`. */
  readonly factor: (leaf: (name: string) => Value, tracer: Tracer) => Value;
  /** What it is after training, row-major; 0: pruned. */
  readonly final: (leaf: (name: string) => Promise<HostTensor>) => Promise<Float32Array>;
}

/** `[unit rows, unit columns]` of a weight. */
export function unitShape({ shape }: Pick<WeightSpec, "shape">, pattern: Pattern): readonly [number, number] {
  const { rows, columns } = unitsOf(pattern, shape[0], shape[1]);
  return [rows, columns];
}

/** The weight as values times what their unit's factor is; what earlier steps pruned stays 0. Leaves pruned, in the storage asked for. */
export function throughUnits(stored: StoredWeight, pattern: Pattern, storage: PrunedStorage, units: UnitFactor): TrainableView {
  const { shape, mask } = stored;
  const values: Leaf = { shape, initial: async () => asFloat32(await stored.dense()), group: "decayed" };
  const pruned: Leaf | undefined = mask && { shape, initial: async () => asFloat32(await mask()), group: "constant" };
  return {
    leaves: { values, ...(pruned && { pruned }), ...units.leaves },
    value: (leaf, tracer) => {
      const kept = pruned === undefined ? leaf("values") : mul(leaf("values"), leaf("pruned"));
      return mul(kept, expandUnits(units.factor(leaf, tracer), pattern, shape));
    },
    finalise: async (leaf) => {
      const trained = await leaf("values");
      const old = pruned && (await leaf("pruned")).data;
      return withFactors(stored, trained, old as Float32Array | undefined, await units.final(leaf), pattern, storage);
    },
  };
}

function withFactors(
  stored: StoredWeight,
  { data }: HostTensor,
  old: Float32Array | undefined,
  factors: Float32Array,
  pattern: Pattern,
  storage: PrunedStorage,
): StoredWeight {
  const { shape } = stored;
  const [rows, columns] = shape;
  const unit = unitOf(pattern);
  const across = unitsOf(pattern, rows, columns).columns;
  const values = new Float32Array(rows * columns);
  const kept = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      const factor = factors[Math.floor(row / unit.rows) * across + Math.floor(column / unit.columns)];
      kept[at] = factor !== 0 && old?.[at] !== 0 ? 1 : 0;
      values[at] = kept[at] === 0 ? 0 : (data as Float32Array)[at] * factor;
    }
  }
  if (kept.every((bit) => bit === 1)) return stored.withValues!(f32(shape, values));
  return storePruned(f32(shape, values), { dtype: "u8", shape, data: kept }, blockOf(pattern), storage);
}

/** Traced: each unit's number at all of its weights, `[rows, columns]` from `[unit rows, unit columns]`. */
export function expandUnits(units: Value, pattern: Pattern, [rows, columns]: readonly number[]): Value {
  const unit = unitOf(pattern);
  if (unit.rows === 1 && unit.columns === 1) return units;
  const [down, across] = units.shape as readonly number[];
  const spread = broadcast(reshape(units, [down, 1, across, 1]), [down, unit.rows, across, unit.columns]);
  const whole = reshape(spread, [down * unit.rows, across * unit.columns]);
  return down * unit.rows === rows && across * unit.columns === columns ? whole : slice(whole, [0, 0], [rows, columns]);
}
