/** Every error of backend-gpujs. */
import { defineError, type ErrorFactory } from "@pare/core";
import { dtypeUnsupportedBy } from "@pare/tensor-core";

export const modeUnavailable: ErrorFactory<{ asked: string; ran: string | undefined; cause?: unknown }> = defineError(
  "backend-gpujs/mode-unavailable",
  "gpu.js cannot run kernels in the mode that was asked for.",
  ({ asked, ran, cause }) => ({
    message: "gpu.js has no such mode here",
    field: "mode",
    expected: asked,
    found: ran === undefined ? "an error when the first kernel ran" : `kernels that run as ${ran}`,
    next: "Leave `mode` out to take the best one there is; headless GL needs the optional package `gl` to be installed and built.",
    cause,
  }),
);

export const tensorTooLarge: ErrorFactory<{ op: string; field: string; elements: number; most: number }> = defineError(
  "backend-gpujs/tensor-too-large",
  "A tensor has more elements than one texture of this machine holds; refused before anything runs.",
  ({ op, field, elements, most }) => ({
    message: `${op} cannot run on a tensor of this size here`,
    field,
    expected: `at most ${most} elements, those of the largest texture`,
    found: `${elements} elements`,
    next: "Use a smaller batch, sequence or vocabulary, or another device.",
  }),
);

export const integerInexact: ErrorFactory<{ value: number }> = defineError(
  "backend-gpujs/integer-inexact",
  "A whole number is beyond those that 32-bit floats hold exactly, and this device keeps integers as such.",
  ({ value }) => ({
    message: "this device cannot keep this integer exactly",
    expected: "whole numbers from −2²⁴ to 2²⁴",
    found: `${value}`,
    next: "Cast to f32 where rounding does no harm, or use another device.",
  }),
);

export const dtypeUnsupported: ErrorFactory<{ op: string; field: string; dtype: string }> = dtypeUnsupportedBy("backend-gpujs");

export const driverFailed: ErrorFactory<{ mode: string; glError: number }> = defineError(
  "backend-gpujs/driver-failed",
  "The graphics driver ran out of memory, lost the context or refused a command: results since the last read are not to be trusted.",
  ({ mode, glError }) => ({
    message: `the graphics driver failed in mode ${mode}`,
    expected: "no error of WebGL",
    found: NAMES[glError] ?? `error 0x${glError.toString(16)}`,
    next: "Open the device anew, with smaller batches or sequences if memory ran out.",
  }),
);

/** Numbers of WebGL's `getError`. */
const NAMES: Readonly<Record<number, string>> = {
  0x500: "INVALID_ENUM",
  0x501: "INVALID_VALUE",
  0x502: "INVALID_OPERATION",
  0x505: "OUT_OF_MEMORY",
  0x506: "INVALID_FRAMEBUFFER_OPERATION",
  0x9242: "CONTEXT_LOST_WEBGL",
};
