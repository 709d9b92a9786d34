/** Ops that this device leaves to their reference, each with the reason: `supports` says no, and `compile` tells `onFallback`. */
export const UNSUPPORTED: Readonly<Record<string, string>> = {
  "random-uniform":
    "Philox multiplies and mixes 32-bit words; gpu.js computes in 32-bit floats, and its bit operations are loops over signed integers that go wrong above 2³¹",
};
