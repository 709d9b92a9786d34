import { API_VERSION, type Backend } from "@pare/core";
import { chooseVariant } from "./instantiate.ts";
import { openWasm, type WasmDevice } from "./device.ts";

/** The default CPU device as a plugin; `open` gives null where the engine has no WebAssembly SIMD. */
export const wasmBackend: Backend<"wasm", WasmDevice> = {
  kind: "backend",
  id: "wasm",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/backend-wasm",
  open: async (options = {}) => {
    if (typeof WebAssembly !== "object" || (await chooseVariant(true)) === undefined) return null;
    return openWasm(options);
  },
};
