/** One row per build of every kernel module. A variant's name is what `device.variant` says and what run records keep. */
export interface Variant {
  readonly name: "simd" | "relaxed-simd";
  /** Features that `asc` enables; sources ask for them through `ASC_FEATURE_…`. */
  readonly features: readonly string[];
}

export const VARIANTS: readonly Variant[] = [
  { name: "simd", features: ["simd"] },
  { name: "relaxed-simd", features: ["simd", "relaxed-simd"] },
];
