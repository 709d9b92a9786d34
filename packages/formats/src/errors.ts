/** Every error of formats. */
import { defineError, type ErrorFactory } from "@pare/core";

interface Fault {
  readonly file: string;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

const DOWNLOAD_AGAIN = "Fetch or write the file again; it is damaged or was not written to its end.";
const WRITE_AGAIN = "Write the file again with a tool that follows the format.";

function fault(code: string, summary: string, message: string, next: string): ErrorFactory<Fault> {
  return defineError(`formats/${code}`, summary, (details) => ({ message, ...details, next }));
}

export const fileTruncated: ErrorFactory<Fault> = fault(
  "file-truncated",
  "A file ends before the bytes that its own header or fields announce.",
  "the file ends too early",
  DOWNLOAD_AGAIN,
);

export const headerTooLarge: ErrorFactory<Fault> = fault(
  "header-too-large",
  "A safetensors header says it is larger than the format allows.",
  "the header's size is not credible",
  DOWNLOAD_AGAIN,
);

export const headerInvalid: ErrorFactory<Fault> = fault(
  "header-invalid",
  "A safetensors header is not the JSON that the format asks for.",
  "the header is not valid",
  WRITE_AGAIN,
);

export const dtypeUnsupported: ErrorFactory<Fault> = fault(
  "dtype-unsupported",
  "A tensor has an element type that this version does not read.",
  "this element type is not read",
  "Convert the tensor to one of the types listed.",
);

export const offsetsInvalid: ErrorFactory<Fault> = fault(
  "offsets-invalid",
  "A tensor's byte range contradicts its shape and element type.",
  "the byte range does not fit the tensor",
  WRITE_AGAIN,
);

export const offsetsOutsideFile: ErrorFactory<Fault> = fault(
  "offsets-outside-file",
  "A tensor's byte range passes the end of the file.",
  "the byte range passes the end of the file",
  DOWNLOAD_AGAIN,
);

export const tensorsOverlap: ErrorFactory<Fault> = fault(
  "tensors-overlap",
  "Two tensors of a file claim the same bytes.",
  "this tensor overlaps another",
  WRITE_AGAIN,
);

export const tensorsHole: ErrorFactory<Fault> = fault(
  "tensors-hole",
  "Bytes of a tensor file belong to no tensor.",
  "bytes belong to no tensor",
  WRITE_AGAIN,
);

export const indexInvalid: ErrorFactory<Fault> = fault(
  "index-invalid",
  "The index of a sharded model contradicts its shards.",
  "the index does not fit the shards",
  "Fetch the index and all of its shards again, from one version of the model.",
);

export const dataChanged: ErrorFactory<Fault> = fault(
  "data-changed",
  "A tensor gave other bytes when it was read than its header had promised.",
  "the tensor is not what its header said",
  "Open the model again; the file was changed while it was in use.",
);

export const llama2cInvalid: ErrorFactory<Fault> = fault(
  "llama2c-invalid",
  "A llama2.c checkpoint's header is not credible or contradicts the size of the file.",
  "this is not a llama2.c checkpoint of version 0",
  "Export the model again with llama2.c's legacy export, or check that the file is complete.",
);

export const llama2cTokenizerInvalid: ErrorFactory<Fault> = fault(
  "llama2c-tokenizer-invalid",
  "A llama2.c tokenizer file contradicts itself or the model's vocabulary.",
  "the tokenizer file is not valid",
  "Put the tokenizer that the model was trained with beside it.",
);

export const filesAmbiguous: ErrorFactory<Fault> = fault(
  "files-ambiguous",
  "A folder holds no file, or more than one, that could be the part looked for.",
  "which file is meant cannot be told",
  "Leave exactly one in the folder.",
);

type Near<Details> = Details & { readonly near?: readonly string[] | undefined };

export const onnxLoweringMissing: ErrorFactory<Near<{ field: string }>> = defineError(
  "formats/onnx-lowering-missing",
  "A graph uses an op that nobody turns into ONNX nodes.",
  ({ field, near }) => ({
    message: `no lowering for the op "${field}"`,
    field,
    near,
    next: "Give the writer a pack with a lowering of this op; training ops have none, export the forward pass alone.",
  }),
);

export const onnxOutputUnread: ErrorFactory<{ field: string }> = defineError(
  "formats/onnx-output-missing",
  "A graph reads an output of an op that its lowering does not give.",
  ({ field }) => ({
    message: "the lowering does not give this output",
    field,
    next: "Export a graph without it, or give a pack whose lowering has it.",
  }),
);

export const onnxStateUnbound: ErrorFactory<{ field: string }> = defineError(
  "formats/onnx-state-unbound",
  "A graph holds a State, and ONNX models hold none between runs.",
  ({ field }) => ({
    message: `the State "${field}" is bound to no input`,
    field,
    next: "Bind it by `states` (and what it holds afterwards by `updates`), or export a graph without State.",
  }),
);

export const onnxDimUnbound: ErrorFactory<{ dim: string; known: string }> = defineError(
  "formats/onnx-dim-unbound",
  "A graph computes with a named dimension that no input of the ONNX model has.",
  ({ dim, known }) => ({
    message: `no input has the dimension "${dim}"`,
    field: dim,
    expected: `one of ${known}`,
    found: dim,
    next: "Declare an input with this dimension, or bind it by `builder.bindDim`.",
  }),
);

export const onnxWeightUnknown: ErrorFactory<Near<{ field: string }>> = defineError(
  "formats/onnx-weight-unknown",
  "A graph reads a weight that was not given with it.",
  ({ field, near }) => ({ message: `no weight "${field}"`, field, near, next: "Give the weights of the model that was traced." }),
);

export const onnxRangeMissing: ErrorFactory<{ field: string }> = defineError(
  "formats/onnx-range-missing",
  "Static quantization was asked for, and the range of what is multiplied with a weight is not known.",
  ({ field }) => ({
    message: `no range for "${field}"`,
    field,
    next: "Collect ranges on calibration data for every linear weight, or write with dynamic quantization.",
  }),
);

export const onnxValueRange: ErrorFactory<Omit<Fault, "file">> = defineError(
  "formats/onnx-value-range",
  "A weight holds numbers that the element type asked for cannot hold.",
  (details) => ({ message: "a number is too large for this element type", ...details, next: "Write this model in f32." }),
);

export const onnxTypeUnsupported: ErrorFactory<Omit<Fault, "file">> = defineError(
  "formats/onnx-type-unsupported",
  "A graph has an input of an element type that the ONNX writer does not declare.",
  (details) => ({ message: "this element type cannot be an input", ...details, next: "Bind the input by `inputs`." }),
);

export const ggufInvalid: ErrorFactory<Fault> = fault(
  "gguf-invalid",
  "A GGUF file's header, metadata or tensor entries are not credible or contradict each other.",
  "the GGUF file is not valid",
  DOWNLOAD_AGAIN,
);

export const ggufVersionUnsupported: ErrorFactory<Fault> = fault(
  "gguf-version-unsupported",
  "A GGUF file is of a version, or of a byte order, that is not read.",
  "this version of GGUF is not read",
  "Write the file again with a present version of the tool that made it, on a little-endian machine.",
);

export const ggufTypeUnsupported: ErrorFactory<Fault> = fault(
  "gguf-type-unsupported",
  "A tensor of a GGUF file is quantized in a way that is not read.",
  "this type is not read",
  "Fetch the model as F32, F16, BF16, Q8_0 or Q4_0, or convert it with llama.cpp: `llama-quantize --allow-requantize <file> <out> Q8_0`.",
);

export const ggufSplit: ErrorFactory<Fault> = fault(
  "gguf-split",
  "A GGUF file is one part of several.",
  "this is one part of a model",
  "Join the parts with llama.cpp: `llama-gguf-split --merge <first part> <out>`.",
);

export const onnxInvalid: ErrorFactory<Fault> = fault(
  "onnx-invalid",
  "A file is not an ONNX model, contradicts itself, or holds weights in a form that is not read.",
  "this is not a model that can be read",
  "Export the model again, or read its weights from the library that made it.",
);

export const compressedInvalid: ErrorFactory<Fault> = fault(
  "compressed-tensors-invalid",
  "A compressed-tensors folder's config and tensors contradict each other.",
  "the quantized weights are not valid",
  DOWNLOAD_AGAIN,
);

export const compressedUnsupported: ErrorFactory<Fault> = fault(
  "compressed-tensors-unsupported",
  "A model is quantized in a way that is not read: floats of 8 bits, blocks, a quantized cache.",
  "this way of quantization is not read",
  "Use the model's float weights and quantize them here, or fetch a variant in int8 or int4.",
);
