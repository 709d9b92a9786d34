export { openWebgpu, type WebgpuDevice, type WebgpuDeviceOptions } from "./device.ts";
export { webgpuBackend } from "./plugin.ts";
export { unsupported } from "./unsupported.ts";
export {
  implement,
  type Call,
  type Epilogue,
  type Features,
  type WebgpuEncoder,
  type WebgpuPack,
  type WebgpuTensor,
  type WebgpuTypes,
} from "./types.ts";
export { buffersExceeded, deviceLost, deviceRefused, dispatchTooLarge, dtypeUnsupported, webgpuUnavailable } from "./errors.ts";
