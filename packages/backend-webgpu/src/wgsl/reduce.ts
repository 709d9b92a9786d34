/** Reductions over a workgroup, in an order that does not change: through workgroup memory, or by subgroups first where there are such. */
import type { Features } from "../types.ts";

export type Reduction = "sum" | "max";

const COMBINE: Readonly<Record<Reduction, { readonly subgroup: string; readonly pair: (a: string, b: string) => string }>> = {
  sum: { subgroup: "subgroupAdd", pair: (a, b) => `${a} + ${b}` },
  max: { subgroup: "subgroupMax", pair: (a, b) => `max(${a}, ${b})` },
};

export interface Reducing {
  /** A power of two. */
  readonly lanes: number;
  readonly features: Features;
  /** Default f32. */
  readonly type?: "f32" | "vec4<f32>" | undefined;
}

/** `reduce_sum(value, lane)` and its kin: every invocation of the workgroup calls it and gets the result. */
export function reductions(kinds: readonly Reduction[], { lanes, features, type = "f32" }: Reducing): string {
  const shelf = `var<workgroup> shelf: array<${type}, ${lanes}>;`;
  if (!features.subgroups) return [shelf, ...kinds.map((kind) => byTree(kind, lanes, type))].join("\n");
  const where = "var<private> subgroup_of: u32;\nvar<private> subgroups_here: u32;\nvar<private> lane_of_subgroup: u32;";
  return [shelf, where, ...kinds.map((kind) => bySubgroups(kind, type))].join("\n");
}

function byTree(kind: Reduction, lanes: number, type: string): string {
  return `fn reduce_${kind}(value: ${type}, lane: u32) -> ${type} {
  shelf[lane] = value;
  workgroupBarrier();
  for (var step = ${lanes / 2}u; step > 0u; step >>= 1u) {
    if (lane < step) { shelf[lane] = ${COMBINE[kind].pair("shelf[lane]", "shelf[lane + step]")}; }
    workgroupBarrier();
  }
  let result = shelf[0];
  workgroupBarrier();
  return result;
}`;
}

function bySubgroups(kind: Reduction, type: string): string {
  return `fn reduce_${kind}(value: ${type}, lane: u32) -> ${type} {
  let part = ${COMBINE[kind].subgroup}(value);
  if (lane_of_subgroup == 0u) { shelf[subgroup_of] = part; }
  workgroupBarrier();
  var result = shelf[0];
  for (var i = 1u; i < subgroups_here; i++) { result = ${COMBINE[kind].pair("result", "shelf[i]")}; }
  workgroupBarrier();
  return result;
}`;
}
