/**
 * An analytic model of where a sparse layer is faster than a dense one, on hardware that is not here: time is what its arithmetic or its
 * memory traffic takes, whichever is longer (Williams, Waterman & Patterson, "Roofline", CACM 52 (2009)). Nothing here is a measurement of
 * the hardware it names unless the rate's basis says so.
 */

/** Where a number is from. `assumed` and `fitted` ones make every result that rests on them a model, not a finding. */
export type Basis = "measured" | "published" | "assumed" | "fitted";

/** FLOP/s that a kernel attains: a peak and the share of it that such kernels reach. */
export interface Rate {
  readonly peak: number;
  readonly share: number;
  readonly basis: Basis;
  readonly source: string;
}

export interface Hardware {
  readonly id: string;
  readonly name: string;
  /** Bytes per second from where weights lie. */
  readonly bandwidth: number;
  readonly bandwidthSource: string;
  /** Bytes of a value. */
  readonly valueBytes: number;
  readonly dense: Rate;
  /** Kernels for entries anywhere, and for blocks; absent: nothing known. */
  readonly unstructured?: Rate | undefined;
  readonly block?: Rate | undefined;
}

export type SparseLayout = "unstructured" | "block";

export interface LayerShape {
  readonly tokens: number;
  readonly features: number;
  readonly out: number;
}

export interface Prediction {
  /** Seconds. */
  readonly dense: number;
  readonly sparse: number;
  /** Dense over sparse. */
  readonly speedup: number;
  /** What bounds the sparse layer. */
  readonly bound: "arithmetic" | "memory";
}

/** Entries of a block that share one index. */
const BLOCK = 16;
const INDEX_BYTES = 4;

/** Undefined where nothing is known of such kernels there. @param density share of entries that are kept. */
export function predict(hardware: Hardware, layout: SparseLayout, shape: LayerShape, density: number): Prediction | undefined {
  const rate = hardware[layout];
  if (rate === undefined) return undefined;
  const { tokens, features, out } = shape;
  const { bandwidth, valueBytes, dense } = hardware;
  const entries = out * features;
  const activations = valueBytes * tokens * (features + out);
  const perEntry = valueBytes + INDEX_BYTES / (layout === "block" ? BLOCK : 1);
  const flops = 2 * tokens * entries;
  const denseTime = Math.max(flops / attained(dense), (valueBytes * entries + activations) / bandwidth);
  const arithmetic = (flops * density) / attained(rate);
  const memory = (perEntry * entries * density + activations) / bandwidth;
  const sparse = Math.max(arithmetic, memory);
  return { dense: denseTime, sparse, speedup: denseTime / sparse, bound: arithmetic >= memory ? "arithmetic" : "memory" };
}

/** The least sparsity from which sparse is at least as fast, to a thousandth; undefined: never, or nothing known. */
export function crossover(hardware: Hardware, layout: SparseLayout, shape: LayerShape): number | undefined {
  const wins = (thousandths: number): boolean => (predict(hardware, layout, shape, 1 - thousandths / 1000)?.speedup ?? 0) >= 1;
  if (!wins(1000)) return undefined;
  let [low, high] = [0, 1000];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (wins(middle)) high = middle;
    else low = middle + 1;
  }
  return high / 1000;
}

/** Whether a result rests on measured and published rates alone. */
export function isModelled({ dense }: Hardware, rate: Rate): boolean {
  return [dense, rate].some(({ basis }) => basis === "assumed" || basis === "fitted");
}

function attained({ peak, share }: Rate): number {
  return peak * share;
}

const SPUTNIK = "Gale et al., Sputnik (2020): 27 % of peak";

/** Peaks and bandwidths are those that the makers' data sheets give. */
export const HARDWARE: readonly Hardware[] = [
  {
    id: "zen5-wasm",
    name: "AMD EPYC of Zen 5, one core, these kernels in WebAssembly (vectors of 256 bits)",
    bandwidth: 34e9,
    bandwidthSource: "packages/backend-wasm/bench/decode.ts: the read loop",
    valueBytes: 4,
    dense: { peak: 114e9, share: 0.9, basis: "measured", source: "packages/sparse-kernels/bench/linear.ts" },
    unstructured: { peak: 114e9, share: 0.43, basis: "measured", source: "packages/sparse-kernels/bench/linear.ts, 90 % pruned" },
    block: { peak: 114e9, share: 0.72, basis: "measured", source: "packages/sparse-kernels/bench/linear.ts, 4×1 blocks, 90 % pruned" },
  },
  {
    id: "v100-f32",
    name: "NVIDIA V100, f32",
    bandwidth: 900e9,
    bandwidthSource: "data sheet",
    valueBytes: 4,
    dense: { peak: 15.7e12, share: 0.9, basis: "assumed", source: "a vendor's dense product near its peak" },
    unstructured: { peak: 15.7e12, share: 0.27, basis: "published", source: SPUTNIK },
  },
  {
    id: "a100-f16",
    name: "NVIDIA A100, f16: dense on tensor cores, sparse on vector units",
    bandwidth: 1555e9,
    bandwidthSource: "data sheet",
    valueBytes: 2,
    dense: { peak: 312e12, share: 0.7, basis: "assumed", source: "a vendor's dense product on tensor cores" },
    unstructured: { peak: 19.5e12, share: 0.27, basis: "assumed", source: `${SPUTNIK} of the f32 peak, taken over from V100` },
  },
  {
    id: "ipu-mk2-f16",
    name: "Graphcore IPU Mk2, f16, weights in the chip's own memory",
    bandwidth: 47.5e12,
    bandwidthSource: "data sheet, memory beside the cores",
    valueBytes: 2,
    dense: { peak: 250e12, share: 0.6, basis: "assumed", source: "a dense product on its matrix units" },
    block: { peak: 250e12, share: 0.06, basis: "fitted", source: "to PopSparse (2023): static blocks beat dense from about 90 % on" },
  },
];
