/** Every error of tensor-core. */
import { defineError, type ErrorFactory } from "@pare/core";

export const namedDimAsNumber: ErrorFactory<{ dim: string }> = defineError(
  "tensor-core/named-dim-as-number",
  "A named dimension was used as a plain number while tracing; its size is known only once the graph is bound.",
  ({ dim }) => ({
    message: `the dimension ${dim} has no number yet`,
    field: dim,
    next: "Use dimension arithmetic (addDims, mulDims), or an op that takes the size at run time (mean, reshape).",
  }),
);

export const dimUnbound: ErrorFactory<{ dim: string; known: readonly string[] }> = defineError(
  "tensor-core/dim-unbound",
  "A graph was bound without a number for one of its named dimensions.",
  ({ dim, known }) => ({
    message: "this named dimension has no number in this binding",
    field: dim,
    found: known.length === 0 ? "no bindings" : `bindings for ${known.join(", ")}`,
    next: "Give an input whose shape holds the dimension, or name it in `dims`.",
  }),
);

export const shapeMismatch: ErrorFactory<{ op: string; field: string; expected: string; found: string }> = defineError(
  "tensor-core/shape-mismatch",
  "An op, input or weight got a tensor of a shape or dtype its rule does not allow.",
  ({ op, field, expected, found }) => ({
    message: `${op} cannot take this tensor`,
    field,
    expected,
    found,
    next: "Correct the shape or dtype where this tensor is made.",
  }),
);

export const gradientMissing: ErrorFactory<{ op: string; why: string }> = defineError(
  "tensor-core/gradient-missing",
  "A gradient was asked for through an op that has none.",
  ({ op, why }) => ({
    message: `${op} has no gradient: ${why}`,
    field: op,
    next: "Differentiate another value, or stop the gradient before this op.",
  }),
);

export const quantizedTraining: ErrorFactory<{ weight: string; storage: string }> = defineError(
  "tensor-core/quantized-training",
  "A weight stored quantized was asked to train without a view that says how.",
  ({ weight, storage }) => ({
    message: "a quantized weight has no gradient of its own",
    field: weight,
    found: storage,
    next: "Train it through a view (fake quantization), or make it dense first.",
  }),
);

export const siteReadOnly: ErrorFactory<{ site: string; request: string }> = defineError(
  "tensor-core/site-read-only",
  "A site that only shows a value was asked to change it: attention weights are computed for whoever looks, nothing reads them.",
  ({ site, request }) => ({
    message: "this site can be tapped and reduced, nothing else",
    field: `${site}.${request}`,
    next: "Ask for a tap or a reduction here; to change attention, gate the heads at the site of their outputs.",
  }),
);

export const siteUnknown: ErrorFactory<{ site: string; near: readonly string[] }> = defineError(
  "tensor-core/site-unknown",
  "A tap, reduction, gate, transform or cut was asked for at a site the model does not have.",
  ({ site, near }) => ({
    message: "the traced function has no such site",
    field: site,
    near,
    next: "List the sites with `sitesOf` and use one of those names.",
  }),
);

export const outputRepeated: ErrorFactory<{ output: string }> = defineError(
  "tensor-core/output-repeated",
  "Two different values were to be outputs of one name: a tap beside an output or another tap.",
  ({ output }) => ({
    message: "another value is already an output of this name",
    field: output,
    next: "Give the tap a name of its own; a site that a function passes twice cannot be tapped.",
  }),
);

export const stateMisused: ErrorFactory<{ state: string; why: string }> = defineError(
  "tensor-core/state-misused",
  "A State was read after its update, updated twice, differentiated through its update, or not created before it was used.",
  ({ state, why }) => ({
    message: why,
    field: state,
    next: "Read the value that the update gives instead, and update each State once per run.",
  }),
);

export const weightUnknown: ErrorFactory<{ weight: string; near: readonly string[] }> = defineError(
  "tensor-core/weight-unknown",
  "A traced graph names a weight that the store was not given.",
  ({ weight, near }) => ({ message: "no such weight", field: weight, near, next: "Check the names against the checkpoint's weights." }),
);

export const inputMissing: ErrorFactory<{ input: string; expected: string; near: readonly string[] }> = defineError(
  "tensor-core/input-missing",
  "A compiled graph was run without one of its inputs.",
  ({ input, expected, near }) => ({ message: "this input was not given", field: input, expected, near, next: "Pass it by name to `run`." }),
);

export const kernelMissing: ErrorFactory<{ op: string; device: string }> = defineError(
  "tensor-core/kernel-missing",
  "The device has no kernel for an op and the caller allowed no fallback.",
  ({ op, device }) => ({
    message: `${device} has no kernel for ${op}`,
    field: op,
    next: "Open the device with the pack that holds the kernel, or pass `onFallback` to run this op on the reference.",
  }),
);

export const deviceMemoryExceeded: ErrorFactory<{ device: string; asked: number; limit: number }> = defineError(
  "tensor-core/device-memory-exceeded",
  "More memory was asked for than the device can hold; refused before anything is taken.",
  ({ device, asked, limit }) => ({
    message: `${device} cannot hold this`,
    expected: `at most ${limit} bytes`,
    found: `${asked} bytes asked for`,
    next: "Use a smaller batch or sequence length, or a smaller storage for the weights.",
  }),
);

export const storageInvalid: ErrorFactory<{ weight: string; field: string; expected: string; found: string }> = defineError(
  "tensor-core/storage-invalid",
  "The parts or descriptor of a stored weight contradict each other.",
  ({ weight, field, expected, found }) => ({
    message: "the stored weight is not valid",
    field: `${weight}.${field}`,
    expected,
    found,
    next: "Write the checkpoint again with the tool that made it; the file may be damaged.",
  }),
);

export const weightNotFinite: ErrorFactory<{ weight: string }> = defineError(
  "tensor-core/weight-not-finite",
  "A weight of 16-bit floats holds an infinity or NaN.",
  ({ weight }) => ({
    message: "the weight holds numbers that are not finite",
    field: weight,
    expected: "finite numbers of f16, up to 65504",
    found: "an infinity or NaN",
    next: "Numbers beyond the range of f16 become infinities when a model is converted to it: convert it to bf16 or f32.",
  }),
);

export const conformanceFailed: ErrorFactory<{ device: string; test: string; what: string }> = defineError(
  "tensor-core/conformance-failed",
  "A device broke a promise that the conformance suite checks.",
  ({ device, test, what }) => ({
    message: `${device} does not conform: ${what}`,
    field: test,
    next: "Correct the kernel, or opt out of this case with a reason.",
  }),
);

export const optOutInvalid: ErrorFactory<{ name: string; why: string; near: readonly string[] }> = defineError(
  "tensor-core/opt-out-invalid",
  "A device opts out of a conformance test that does not exist, or without a reason.",
  ({ name, why, near }) => ({
    message: `the opt-out is not valid: ${why}`,
    field: name,
    near,
    next: "Name an op or `op: case`, and say why.",
  }),
);

/** `<backend>/dtype-unsupported`, for backends whose kernels know 4-byte numbers and bytes (`refuseWideTypes`). */
export function dtypeUnsupportedBy(backend: string): ErrorFactory<{ op: string; field: string; dtype: string }> {
  return defineError(
    `${backend}/dtype-unsupported`,
    "A program holds a tensor of a type that this device does not compute in.",
    ({ op, field, dtype }) => ({
      message: `${op} cannot run on this tensor here`,
      field,
      expected: "f32, i32 or u8",
      found: dtype,
      next: "Convert the tensor to f32 on the host before it enters the graph.",
    }),
  );
}
