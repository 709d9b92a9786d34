import { API_VERSION, isPareError, type Backend } from "@pare/core";
import { openWebgpu, type WebgpuDevice } from "./device.ts";
import { webgpuUnavailable } from "./errors.ts";

/** The WebGPU device as a plugin; `open` gives null where there is no adapter. */
export const webgpuBackend: Backend<"webgpu", WebgpuDevice> = {
  kind: "backend",
  id: "webgpu",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/backend-webgpu",
  open: async ({ packs, portable } = {}) => {
    try {
      return await openWebgpu({ packs, portable });
    } catch (error) {
      if (isPareError(error) && error.code === webgpuUnavailable.code) return null;
      throw error;
    }
  },
};
