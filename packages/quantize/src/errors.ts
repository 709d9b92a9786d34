/** Every error of quantize. */
import { defineError, type ErrorFactory } from "@pare/core";

export const notFinite: ErrorFactory<{ weight: string; index: number; found: number }> = defineError(
  "quantize/not-finite",
  "A weight to be quantized holds NaN or infinity, for which no scale exists.",
  ({ weight, index, found }) => ({
    message: "a value that is not finite cannot be quantized",
    field: weight,
    expected: "finite numbers",
    found: `${found} at element ${index}`,
    next: "Mend or retrain the checkpoint: the weight was damaged before this step.",
  }),
);

export const alreadyQuantized: ErrorFactory<{ weight: string; storage: string }> = defineError(
  "quantize/already-quantized",
  "A weight that is stored quantized was asked to be quantized again.",
  ({ weight, storage }) => ({
    message: "this weight is quantized already; rounding it twice would hide the first error",
    field: weight,
    found: storage,
    next: "Quantize the checkpoint from before the first quantization, with the options wanted now.",
  }),
);
