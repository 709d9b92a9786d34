/** Ops that this device has no kernel for, each with the reason: `supports` says no, and choosers are never offered them. */
export const UNSUPPORTED: Readonly<Record<string, string>> = {
  "linear-f16":
    "WebAssembly has no arithmetic of 16-bit floats: each sum would be widened and rounded again, slower than f32 and less exact",
};
