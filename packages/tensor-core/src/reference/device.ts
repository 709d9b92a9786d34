/** The oracle: every op by its reference, in float64, over plain host memory. Slow and exact. */
import type { Backend } from "@pare/core";
import { API_VERSION } from "@pare/core";
import type { Device, DeviceBuffer, PlannedTensor, Prepared, ProgramStep } from "../device.ts";
import { sizeOf } from "../dim.ts";
import { byteSize, viewArray, type TypedArray } from "../dtype.ts";
import { deviceMemoryExceeded, shapeMismatch } from "../errors.ts";
import type { HostTensor } from "../host.ts";

/** As much as one ArrayBuffer can be asked for without trouble. */
const MEMORY_LIMIT = 8 * 2 ** 30;

/** The reference device: every op by its float64 reference. Slow and exact, for tests and small work. */
export function openReference(): Device {
  let used = 0;
  return {
    backend: "reference",
    variant: "float64",
    memoryLimit: MEMORY_LIMIT,
    supports: () => true,
    allocate: (bytes) => {
      if (used + bytes > MEMORY_LIMIT) throw deviceMemoryExceeded({ device: "reference", asked: used + bytes, limit: MEMORY_LIMIT });
      used += bytes;
      return { bytes, handle: new Uint8Array(bytes) };
    },
    free: ({ bytes }) => {
      used -= bytes;
    },
    write: (buffer, data, offset = 0) => memoryOf(buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset),
    read: (buffer, offset, bytes) => Promise.resolve(memoryOf(buffer).slice(offset, offset + bytes)),
    prepare: (steps) => prepareOnHost(steps, viewOf),
    close: () => Promise.resolve(),
  };
}

export const referenceBackend: Backend<"reference", Device> = {
  kind: "backend",
  id: "reference",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/tensor-core",
  open: () => Promise.resolve(openReference()),
};

/** Runs steps by their references; `view` gives a planned tensor's live memory. */
export function prepareOnHost(steps: readonly ProgramStep[], view: (tensor: PlannedTensor) => TypedArray): Prepared {
  return {
    run: () => {
      for (const step of steps) runOnHost(step, view);
      return Promise.resolve();
    },
    dispose: () => undefined,
  };
}

/** One step by its op's reference. Outputs may overlap inputs: they are written only once all is computed. */
export function runOnHost({ op, attrs, inputs, outputs }: ProgramStep, view: (tensor: PlannedTensor) => TypedArray): void {
  const given: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(inputs)) {
    if (tensor !== undefined) given[name] = { dtype: tensor.dtype, shape: tensor.shape, data: view(tensor) };
  }
  const results: Readonly<Record<string, HostTensor>> = op.reference(given, attrs);
  for (const [name, planned] of Object.entries(outputs)) {
    const result = results[name]!;
    const target = view(planned);
    if (result.dtype !== planned.dtype || result.data.length !== target.length) {
      throw shapeMismatch({
        op: `${op.name} reference`,
        field: name,
        expected: `${planned.dtype} [${planned.shape.join(", ")}]`,
        found: `${result.dtype}, ${result.data.length} elements`,
      });
    }
    (target as Float32Array).set(result.data as Float32Array);
  }
}

function memoryOf({ handle }: DeviceBuffer): Uint8Array {
  return handle as Uint8Array;
}

function viewOf({ buffer, offset, dtype, shape }: PlannedTensor): TypedArray {
  return viewArray(dtype, memoryOf(buffer).subarray(offset, offset + byteSize(dtype) * sizeOf(shape)));
}
