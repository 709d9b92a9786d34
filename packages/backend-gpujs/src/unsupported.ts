const WIDENED =
  "16-bit floats would have to be put together from bytes digit by digit in shaders of floats: weights are widened when they are uploaded instead";

/** Ops that this device leaves to their reference, each with the reason: `supports` says no, and `compile` tells `onFallback`. */
export const UNSUPPORTED: Readonly<Record<string, string>> = {
  "linear-f16": "gpu.js computes in 32-bit floats alone",
  "linear-half": WIDENED,
  "random-uniform":
    "Philox multiplies and mixes 32-bit words; gpu.js computes in 32-bit floats, and its bit operations are loops over signed integers that go wrong above 2³¹",
  "rows-half": WIDENED,
};
