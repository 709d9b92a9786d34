/** One row per build of every kernel module: what the builder compiles, the device chooses from, and tests and benches go through. */
export interface Variant {
  /** What `device.variant` says and run records keep. */
  readonly name: WasmVariant;
  /** Features that `asc` enables; sources ask for them through `ASC_FEATURE_…`. */
  readonly features: readonly string[];
  /** Runs on every engine with SIMD: what `openWasm({ portable })` opens. */
  readonly portable: boolean;
}

export type WasmVariant = "simd" | "relaxed-simd";

export const VARIANTS: readonly Variant[] = [
  { name: "simd", features: ["simd"], portable: true },
  { name: "relaxed-simd", features: ["simd", "relaxed-simd"], portable: false },
];
