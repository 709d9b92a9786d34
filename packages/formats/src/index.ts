export type { NamedTensors } from "./named-tensors.ts";
export { SAFETENSORS_FILE, SAFETENSORS_INDEX, readSafetensors, readShardedSafetensors } from "./safetensors/read.ts";
export { writeSafetensors } from "./safetensors/write.ts";
export { safetensorsFormat } from "./safetensors/format.ts";
export { readLlama2cCheckpoint, type Llama2cCheckpoint, type Llama2cConfig } from "./llama2c/checkpoint.ts";
export { readLlama2cTokenizer, type Llama2cPiece } from "./llama2c/tokenizer.ts";
export { llama2cFormat, type Llama2cModel } from "./llama2c/format.ts";
export { BLOCK, BLOCK_TYPES, blocksOf, codesOfBlocks, roundToBlocks, scalesOfBlocks, type QuantizedType } from "./gguf/blocks.ts";
export { GGUF_FILE, ggufFormat } from "./gguf/format.ts";
export { ggufFields, type GgufFields } from "./gguf/metadata.ts";
export { readGguf, type GgufFile, type GgufTensor } from "./gguf/read.ts";
export { GGUF_TYPES, ggufBytes, type GgufKind, type GgufScalar, type GgufType, type GgufValue } from "./gguf/types.ts";
export { writeGguf, type GgufContent, type GgufOutput } from "./gguf/write.ts";
export {
  compressedConfigJson,
  readCompressedConfig,
  type CompressedConfig,
  type CompressedFormat,
  type CompressedGroup,
  type CompressedReader,
  type CompressedScheme,
} from "./compressed-tensors/config.ts";
export { affineOfCompressed, compressedSchemeOf, compressedTensors, type ModuleTensors } from "./compressed-tensors/tensors.ts";
export { parseJson } from "./json.ts";
export {
  ONNX_OPSET,
  buildOnnx,
  declareInput,
  declareOutput,
  writeOnnx,
  type OnnxBinding,
  type OnnxExport,
  type OnnxFileOptions,
  type OnnxWritten,
} from "./onnx/write.ts";
export { OnnxBuilder, type OnnxNote, type OnnxValue } from "./onnx/builder.ts";
export { onnxLowering, type OnnxFlavour, type OnnxLowering, type OnnxPack, type WeightNode } from "./onnx/lowering.ts";
export { onnxF16, onnxF32 } from "./onnx/flavours/float.ts";
export { onnxInt8Dynamic, onnxUint8Dynamic } from "./onnx/flavours/int8-dynamic.ts";
export { onnxInt8Static, type ActivationRange } from "./onnx/flavours/int8-static.ts";
export { onnxInt4 } from "./onnx/flavours/int4.ts";
export { readOnnx, type OnnxContent, type OnnxWeight } from "./onnx/read.ts";
export { onnxFormat } from "./onnx/format.ts";
