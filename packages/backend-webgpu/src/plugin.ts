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
  needs:
    "In Node, install the package webgpu (0.6.2 or newer) beside @pare/backend-webgpu, and a Vulkan, Metal or D3D12 driver; in a browser, use one that has WebGPU with hardware acceleration on.",
  open: async ({ packs, portable } = {}) => {
    try {
      return await openWebgpu({ packs, portable });
    } catch (error) {
      if (isPareError(error) && error.code === webgpuUnavailable.code) return null;
      throw error;
    }
  },
};
