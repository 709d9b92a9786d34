/** In which of its modes gpu.js runs kernels: asked, then seen. */
import { modeUnavailable } from "./errors.ts";
import type { Gpu, GpujsKernel, Library } from "./library.ts";

/** `webgl2` and `headlessgl` run on a GPU, or on a driver that imitates one; `webasm` and `cpu` never do. */
export type GpujsMode = "webgl2" | "headlessgl" | "webasm" | "cpu";

/** Best first. */
const GPU_MODES: readonly GpujsMode[] = ["webgl2", "headlessgl"];

const CLASSES = {
  webgl2: "WebGL2Kernel",
  headlessgl: "HeadlessGLKernel",
  webasm: "WebAssemblyKernel",
  cpu: "CPUKernel",
} as const satisfies Record<GpujsMode, keyof Library>;

export function runsOnGpu(mode: GpujsMode): boolean {
  return GPU_MODES.includes(mode);
}

/** The mode that was asked for, or the best that gpu.js says it has. */
export function chooseMode(library: Library, asked: GpujsMode | undefined): GpujsMode {
  if (asked !== undefined) return asked;
  return GPU_MODES.find((mode) => library[CLASSES[mode]].isSupported === true) ?? "cpu";
}

/** Throws `backend-gpujs/mode-unavailable`. */
export function openGpu(library: Library, mode: GpujsMode): Gpu {
  try {
    return new library.GPU({ mode });
  } catch (cause) {
    throw modeUnavailable({ asked: mode, ran: undefined, cause });
  }
}

/** What a kernel that has run ran as; gpu.js changes its mind while a kernel is built, without an error. */
export function modeOf(library: Library, { kernel }: GpujsKernel): GpujsMode | undefined {
  return (Object.keys(CLASSES) as GpujsMode[]).find((mode) => kernel.constructor === library[CLASSES[mode]]);
}
