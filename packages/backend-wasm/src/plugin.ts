import { API_VERSION, type Backend } from "@pare/core";
import { chooseBuild } from "./instantiate.ts";
import { openWasm, type WasmDevice } from "./device.ts";

/** The default CPU device as a plugin; `open` gives null where the engine has no WebAssembly SIMD. */
export const wasmBackend: Backend<"wasm", WasmDevice> = {
  kind: "backend",
  id: "wasm",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/backend-wasm",
  open: async (options = {}) => {
    if (typeof WebAssembly !== "object" || (await chooseBuild({ portable: true, vectors: 128 })) === undefined) return null;
    return openWasm(options);
  },
};
