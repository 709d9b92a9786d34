/** Every error of backend-webgpu. */
import { defineError, type ErrorFactory } from "@pare/core";
import { dtypeUnsupportedBy } from "@pare/tensor-core";

export const webgpuUnavailable: ErrorFactory<{ why: string; next: string }> = defineError(
  "backend-webgpu/unavailable",
  "There is no WebGPU adapter here.",
  ({ why, next }) => ({ message: why, expected: "a WebGPU adapter", next }),
);

export const deviceLost: ErrorFactory<{ reason: string; message: string }> = defineError(
  "backend-webgpu/device-lost",
  "The GPU device was lost (driver reset, crash of the GPU process, or destroyed); what it held is gone.",
  ({ reason, message }) => ({
    message: "the GPU device was lost, and with it what its memory held",
    found: `${reason}${message === "" ? "" : `: ${message}`}`,
    next: "Open the device again and upload the weights again; smaller batches help where a driver stops long work.",
  }),
);

export const deviceRefused: ErrorFactory<{ message: string }> = defineError(
  "backend-webgpu/device-refused",
  "The GPU device refused a shader, a binding or a command.",
  ({ message }) => ({
    message: "the GPU device refused part of this program",
    found: message,
    next: "Open the device with `portable: true`; a program that is refused there too is a fault of its kernels' pack.",
  }),
);

export const buffersExceeded: ErrorFactory<{ kernel: string; found: number; limit: number }> = defineError(
  "backend-webgpu/buffers-exceeded",
  "A step touches tensors in more buffers than the adapter lets one shader bind.",
  ({ kernel, found, limit }) => ({
    message: "this step touches more buffers than one shader may bind here",
    field: kernel,
    expected: `at most ${limit}`,
    found: `${found}`,
    next: "Trace the step so that more of its inputs are results of the same program: those share one buffer.",
  }),
);

export const dispatchTooLarge: ErrorFactory<{ kernel: string; found: number; limit: number }> = defineError(
  "backend-webgpu/dispatch-too-large",
  "A step needs more workgroups than the adapter dispatches at once.",
  ({ kernel, found, limit }) => ({
    message: "this step is too large for one dispatch",
    field: kernel,
    expected: `at most ${limit} workgroups`,
    found: `${found}`,
    next: "Use a smaller batch or sequence length.",
  }),
);

export const dtypeUnsupported: ErrorFactory<{ op: string; field: string; dtype: string }> = dtypeUnsupportedBy("backend-webgpu");
