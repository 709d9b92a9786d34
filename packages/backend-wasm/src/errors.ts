/** Every error of backend-wasm. */
import { defineError, type ErrorFactory } from "@pare/core";
import { dtypeUnsupportedBy } from "@pare/tensor-core";

export const kernelUnknown: ErrorFactory<{ kernel: string; op: string; near: readonly string[] }> = defineError(
  "backend-wasm/kernel-unknown",
  "A pack's encoder called a function that neither its own module nor the device's module exports.",
  ({ kernel, op, near }) => ({
    message: `the kernel of ${op} calls a function that no module exports`,
    field: kernel,
    near,
    next: "Build the pack's kernels again, or correct the name in its encoder.",
  }),
);

export const threadsInvalid: ErrorFactory<{ threads: number }> = defineError(
  "backend-wasm/threads-invalid",
  "A number of threads was asked for that no device can have.",
  ({ threads }) => ({
    message: "this is no number of threads",
    field: "threads",
    expected: "a whole number from 1 to 64",
    found: `${threads}`,
    next: "Give as many threads as the machine has cores, or leave `threads` out for one.",
  }),
);

export const threadFailed: ErrorFactory<{ cause: unknown }> = defineError(
  "backend-wasm/thread-failed",
  "A kernel trapped on one of the device's threads.",
  ({ cause }) => ({
    message: "a kernel failed on one of the device's threads",
    next: "Run again on one thread: a kernel that fails there too is a fault of its pack.",
    cause,
  }),
);

export const packVariantMissing: ErrorFactory<{ pack: string; variant: string }> = defineError(
  "backend-wasm/pack-variant-missing",
  "A kernel pack brings no module for the variant the device runs.",
  ({ pack, variant }) => ({
    message: "this pack has no kernels for the device's variant",
    field: pack,
    expected: `a module named ${variant}`,
    next: "Build the pack with this version's kernel builder, or open the device without it.",
  }),
);

export const packOutdated: ErrorFactory<{ pack: string }> = defineError(
  "backend-wasm/pack-outdated",
  "A kernel pack was built with another version of the kernel library than the device.",
  ({ pack }) => ({
    message: "this pack was built with another version of the kernel library",
    field: pack,
    next: "Build the pack with the kernel builder of the installed @pare/backend-wasm.",
  }),
);

export const wasmUnavailable: ErrorFactory<object> = defineError("backend-wasm/unavailable", "The engine has no WebAssembly SIMD.", () => ({
  message: "this engine has no WebAssembly SIMD",
  expected: "Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or newer",
  next: "Use a newer engine, or open the reference device.",
}));

export const dtypeUnsupported: ErrorFactory<{ op: string; field: string; dtype: string }> = dtypeUnsupportedBy("backend-wasm");
