export { openWasm, type WasmDevice, type WasmDeviceOptions } from "./device.ts";
export { wasmBackend } from "./plugin.ts";
export { implement, type WasmEncoder, type WasmModules, type WasmPack, type WasmTensor, type WasmTypes, type Work } from "./types.ts";
export { UNSUPPORTED } from "./unsupported.ts";
export type { WasmVariant } from "./variants.ts";
export { joinVectors, vectorsJoined } from "./wide.ts";
export {
  dtypeUnsupported,
  kernelUnknown,
  packOutdated,
  packVariantMissing,
  threadFailed,
  threadsInvalid,
  wasmUnavailable,
} from "./errors.ts";
