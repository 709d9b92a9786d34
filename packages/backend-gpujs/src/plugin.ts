import { API_VERSION, type Backend } from "@pare/core";
import { openGpujs, type GpujsDevice } from "./device.ts";

/** The gpu.js device as a plugin. It opens on every machine: where no GPU is, its variant and a warning say how kernels run instead. */
export const gpujsBackend: Backend<"gpujs", GpujsDevice> = {
  kind: "backend",
  id: "gpujs",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/backend-gpujs",
  open: ({ packs } = {}) => openGpujs({ packs }),
};
