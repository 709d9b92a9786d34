import { modules } from "../src/generated/modules.ts";
import type { WasmPack } from "../src/index.ts";

/** A third party's pack, over the functions that the device has itself. */
export function packOf(id: string, kernels: WasmPack["kernels"]): WasmPack {
  return { kind: "pack", id, version: 1, apiVersion: 1, package: "test", backend: "wasm", modules, kernels };
}
