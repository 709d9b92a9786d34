export type { NamedTensors } from "./named-tensors.ts";
export { SAFETENSORS_FILE, SAFETENSORS_INDEX, readSafetensors, readShardedSafetensors } from "./safetensors/read.ts";
export { writeSafetensors } from "./safetensors/write.ts";
export { safetensorsFormat } from "./safetensors/format.ts";
export { readLlama2cCheckpoint, type Llama2cCheckpoint, type Llama2cConfig } from "./llama2c/checkpoint.ts";
export { readLlama2cTokenizer, type Llama2cPiece } from "./llama2c/tokenizer.ts";
export { llama2cFormat, type Llama2cModel } from "./llama2c/format.ts";
export { parseJson } from "./json.ts";
