/** The device: kernels of this package and of packs, run by gpu.js in the mode that it really has. */
import { deviceMemoryExceeded, type Device, type DeviceBuffer, type Kernel } from "@pare/tensor-core";
import type { AnyPack } from "@pare/core";
import { encodeSteps } from "./encoder.ts";
import { openEngine, type Engine } from "./engine.ts";
import { KERNELS } from "./kernels/index.ts";
import { Memory } from "./memory.ts";
import { runsOnGpu, type GpujsMode } from "./modes.ts";
import type { GpujsPack, GpujsTypes } from "./types.ts";

export interface GpujsDeviceOptions {
  /** Kernels of other packages; those of other backends are left aside, of two kernels for one op the later pack's runs. */
  readonly packs?: readonly AnyPack[] | undefined;
  /** The one mode to run in; if absent the best there is: `webgl2`, `headlessgl`, and without a GPU `cpu`. */
  readonly mode?: GpujsMode | undefined;
  /** Told where no kernel runs on a GPU; `console.warn` if absent. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Bytes at most, 2 GiB if absent: WebGL does not say how much there is. */
  readonly memoryLimit?: number | undefined;
}

export interface GpujsDevice extends Device {
  readonly backend: "gpujs";
  /** The mode that kernels were seen to run in. */
  readonly variant: GpujsMode;
}

/** Throws `backend-gpujs/mode-unavailable`. */
export async function openGpujs(options: GpujsDeviceOptions = {}): Promise<GpujsDevice> {
  const { packs = [], mode, onWarning = console.warn, memoryLimit = 2 ** 31 } = options;
  const engine = await openEngine(mode);
  if (!runsOnGpu(engine.mode) && mode === undefined) {
    onWarning(
      `the gpujs device has no GPU here (no WebGL2, and no headless GL through the package gl): its kernels run as "${engine.mode}"`,
    );
  }
  const kernels = new Map([...KERNELS, ...packs.filter(isGpujsPack).flatMap((pack) => pack.kernels)].map((kernel) => [kernel.op, kernel]));
  return deviceOver(engine, kernels, memoryLimit);
}

function deviceOver(engine: Engine, kernels: ReadonlyMap<string, Kernel<GpujsTypes>>, memoryLimit: number): GpujsDevice {
  let used = 0;
  return {
    backend: "gpujs",
    variant: engine.mode,
    memoryLimit,
    supports: (op) => kernels.has(op),
    allocate: (bytes) => {
      const limit = memoryLimit - used;
      if (bytes > limit) throw deviceMemoryExceeded({ device: "gpujs", asked: bytes, limit });
      used += bytes;
      return { bytes, handle: new Memory(engine, bytes) };
    },
    free: (buffer) => {
      used -= buffer.bytes;
      memoryOf(buffer).dispose();
    },
    write: (buffer, { buffer: source, byteOffset, byteLength }, offset = 0) =>
      memoryOf(buffer).write(new Uint8Array(source, byteOffset, byteLength), offset),
    read: async (buffer, offset, bytes) => memoryOf(buffer).read(offset, bytes),
    prepare: (steps) => {
      const { run, dispose } = encodeSteps(steps, kernels, engine);
      return { run: async () => run(), dispose };
    },
    close: () => engine.close(),
  };
}

function memoryOf({ handle }: DeviceBuffer): Memory {
  return handle as Memory;
}

function isGpujsPack(pack: AnyPack): pack is GpujsPack {
  return pack.backend === "gpujs";
}
