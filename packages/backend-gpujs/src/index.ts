export { openGpujs, type GpujsDevice, type GpujsDeviceOptions } from "./device.ts";
export { driverFailed, dtypeUnsupported, integerInexact, modeUnavailable, tensorTooLarge } from "./errors.ts";
export type { GpujsMode } from "./modes.ts";
export { gpujsBackend } from "./plugin.ts";
export {
  implement,
  type AnyShader,
  type GpujsEncoder,
  type GpujsPack,
  type GpujsTensor,
  type GpujsTypes,
  type ParameterKind,
  type Shader,
  type ShaderArguments,
} from "./types.ts";
export { UNSUPPORTED } from "./unsupported.ts";
