export { openWasm, type WasmDevice, type WasmDeviceOptions } from "./device.ts";
export { wasmBackend } from "./plugin.ts";
export { implement, type WasmEncoder, type WasmPack, type WasmTensor, type WasmTypes } from "./types.ts";
export type { WasmVariant } from "./variants.ts";
export { dtypeUnsupported, kernelUnknown, packVariantMissing, threadsUnsupported, wasmUnavailable } from "./errors.ts";
