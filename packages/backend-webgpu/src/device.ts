/** The device: buffers, kernels of this package and of packs, programs as lists of dispatches. */
import type { AnyPack } from "@pare/core";
import type { Device, Kernel, Prepared, ProgramStep } from "@pare/tensor-core";
import { featuresOf, findGpu, openGpuDevice, requireAdapter, variantOf } from "./adapter.ts";
import { encodeSteps } from "./encoder.ts";
import { deviceLost, deviceRefused } from "./errors.ts";
import { KERNELS } from "./kernels/index.ts";
import { createMemory, type Memory } from "./memory.ts";
import { build, createPipelines, runByReference, submit, type Built, type Pipelines } from "./program.ts";
import type { Features, WebgpuPack, WebgpuTypes } from "./types.ts";
import { unsupported } from "./unsupported.ts";

export interface WebgpuDeviceOptions {
  /** Kernels of other packages; those of other backends are left aside, of two kernels for one op the later pack's runs. */
  readonly packs?: readonly AnyPack[] | undefined;
  /** Plain WGSL alone, whatever the adapter offers. */
  readonly portable?: boolean | undefined;
  /** Where WebGPU comes from; default: `navigator.gpu`, or in Node the package `webgpu`. */
  readonly gpu?: GPU | undefined;
  /** Which adapter, where there are several. */
  readonly powerPreference?: GPUPowerPreference | undefined;
  /** Bytes at most in all buffers together; no adapter says how much it has, so there is no such limit by default. */
  readonly memoryLimit?: number | undefined;
}

export interface WebgpuDevice extends Device {
  readonly backend: "webgpu";
  readonly features: Features;
  /** What it stands on, for those who bring buffers or passes of their own. */
  readonly gpu: GPUDevice;
}

/** Throws `backend-webgpu/unavailable` where there is no adapter. */
export async function openWebgpu(options: WebgpuDeviceOptions = {}): Promise<WebgpuDevice> {
  const { packs = [], portable = false, powerPreference, memoryLimit = Number.MAX_SAFE_INTEGER } = options;
  const gpu = options.gpu ?? (await findGpu());
  const adapter = await requireAdapter(gpu, powerPreference === undefined ? {} : { powerPreference });
  const features = featuresOf(gpu!, adapter, portable);
  const device = await openGpuDevice(adapter, features);
  const missing = unsupported(features);
  const kernels = new Map(KERNELS.filter(({ op }) => !(op in missing)).map((kernel) => [kernel.op, kernel]));
  for (const pack of packs) if (isWebgpuPack(pack)) for (const kernel of pack.kernels) kernels.set(kernel.op, kernel);
  const memory = createMemory(device, memoryLimit);
  const parts = { device, memory, features, kernels, pipelines: createPipelines(device), faults: watch(device), instance: gpu };
  const { alive } = parts.faults;
  return {
    backend: "webgpu",
    variant: variantOf(adapter, features),
    features,
    gpu: device,
    memoryLimit,
    supports: (op) => kernels.has(op),
    allocate: (bytes) => (alive(), memory.allocate(bytes)),
    free: memory.free,
    write: (buffer, data, offset) => (alive(), memory.write(buffer, data, offset)),
    read: (buffer, offset, bytes) => parts.faults.during(() => memory.read(buffer, offset, bytes)),
    prepare: (steps) => prepare(steps, parts),
    close: async () => {
      memory.close();
      device.destroy();
    },
  };
}

interface DeviceParts {
  readonly device: GPUDevice;
  readonly memory: Memory;
  readonly features: Features;
  readonly kernels: ReadonlyMap<string, Kernel<WebgpuTypes>>;
  readonly pipelines: Pipelines;
  readonly faults: Faults;
  /** Held, since in Node a GPU object that is collected takes its devices with it. */
  readonly instance: GPU | undefined;
}

/** What the device says went wrong, besides what a call itself throws. */
interface Faults {
  /** Throws `backend-webgpu/device-lost`, `backend-webgpu/device-refused`. */
  readonly alive: () => void;
  /** Runs work; where the device is lost meanwhile, that is the error. */
  readonly during: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

function watch(device: GPUDevice): Faults {
  let lost: GPUDeviceLostInfo | undefined;
  let refused: string | undefined;
  const gone = device.lost.then((info) => (lost = info));
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    refused ??= event.error.message;
  });
  const alive = (): void => {
    if (lost !== undefined) throw deviceLost({ reason: lost.reason, message: lost.message });
    if (refused !== undefined) {
      const message = refused;
      refused = undefined;
      throw deviceRefused({ message });
    }
  };
  return {
    alive,
    during: async (work) => {
      alive();
      try {
        const result = await work();
        alive();
        return result;
      } catch (error) {
        // The loss is told a little after the work that it broke has failed.
        await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 50))]);
        alive();
        throw error;
      }
    },
  };
}

function prepare(steps: readonly ProgramStep[], parts: DeviceParts): Prepared {
  const { device, memory, features, kernels, pipelines, faults } = parts;
  faults.alive();
  const encoded = encodeSteps(steps, kernels, features);
  let complaint: Promise<GPUError | null> = Promise.resolve(null);
  let built: Built;
  device.pushErrorScope("validation");
  try {
    built = build(encoded, { device, memory, pipelines, features });
  } finally {
    // A device that is lost has no scopes; the run says that it is lost.
    complaint = device.popErrorScope().catch(() => null);
  }
  let accepted = false;
  return {
    run: () =>
      faults.during(async () => {
        if (!accepted) {
          const error = await complaint;
          if (error !== null) {
            pipelines.forget();
            throw deviceRefused({ message: error.message });
          }
          accepted = true;
        }
        for (const part of built.parts) {
          if ("host" in part) await runByReference(part.host, memory);
          else submit(device, part.dispatches);
        }
        await device.queue.onSubmittedWorkDone();
      }),
    dispose: built.dispose,
  };
}

function isWebgpuPack(pack: AnyPack): pack is WebgpuPack {
  return pack.backend === "webgpu";
}
