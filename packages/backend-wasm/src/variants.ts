/** One row per build of every kernel module: what the builder compiles, the device chooses from, and tests and benches go through. */
export interface Variant {
  /** What `device.variant` says and run records keep. */
  readonly name: WasmVariant;
  /** Features that `asc` enables; sources ask for them through `ASC_FEATURE_…`. */
  readonly features: readonly string[];
  /** Runs on every engine with SIMD: what `openWasm({ portable })` opens. */
  readonly portable: boolean;
  /** Bits of the vectors that its tiles are made for. Those of 256 are pairs of 128 that an engine may join (`wide.ts`): they compute the same bytes. */
  readonly vectors: 128 | 256;
}

export type WasmVariant = "simd" | "relaxed-simd";

const WIDTHS: readonly Variant["vectors"][] = [128, 256];

export const VARIANTS: readonly Variant[] = WIDTHS.flatMap((vectors): Variant[] => [
  { name: "simd", features: ["simd"], portable: true, vectors },
  { name: "relaxed-simd", features: ["simd", "relaxed-simd"], portable: false, vectors },
]);
