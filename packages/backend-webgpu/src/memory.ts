/** Buffers: zeroed, written at any byte, read through staging buffers that are kept. */
import { deviceMemoryExceeded, type DeviceBuffer } from "@pare/tensor-core";

export interface Memory {
  /** The largest single buffer, bytes. */
  readonly largest: number;
  readonly allocate: (bytes: number) => DeviceBuffer;
  readonly free: (buffer: DeviceBuffer) => void;
  readonly write: (buffer: DeviceBuffer, data: ArrayBufferView, offset?: number) => void;
  readonly read: (buffer: DeviceBuffer, offset: number, bytes: number) => Promise<Uint8Array>;
  readonly close: () => void;
}

const WORD = 4;
/** Staging buffers kept at most. */
const STAGES = 4;

/** @param total bytes at most in all buffers together. */
export function createMemory(device: GPUDevice, total: number): Memory {
  const largest = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize, total);
  let used = 0;
  const stages: GPUBuffer[] = [];
  const patch = createPatch(device);
  return {
    largest,
    allocate: (bytes) => {
      const asked = Math.max(WORD, roundUp(bytes, WORD));
      const limit = used + asked > total ? total : largest;
      if (asked > largest || used + asked > total) throw deviceMemoryExceeded({ device: "webgpu", asked: bytes, limit });
      used += asked;
      return { bytes, handle: device.createBuffer({ size: asked, usage: USAGE.storage | USAGE.source | USAGE.target }) };
    },
    free: ({ handle }) => {
      const buffer = handle as GPUBuffer;
      used -= buffer.size;
      buffer.destroy();
    },
    write: ({ handle }, data, offset = 0) => {
      const buffer = handle as GPUBuffer;
      const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      const end = offset + bytes.length;
      const [first, last] = [Math.min(roundUp(offset, WORD), end), Math.max(offset, end - (end % WORD))];
      if (first < last) device.queue.writeBuffer(buffer, first, bytes, first - offset, last - first);
      // What does not fill a word is put into it: its neighbours in the word may be another tensor's.
      if (offset < first) patch(buffer, offset, bytes.subarray(0, first - offset));
      if (last < end && last >= first) patch(buffer, last, bytes.subarray(last - offset));
    },
    read: async ({ handle }, offset, bytes) => {
      const [begin, end] = [offset - (offset % WORD), roundUp(offset + bytes, WORD)];
      if (bytes === 0) return new Uint8Array(0);
      const stage = takeStage(device, stages, end - begin);
      const commands = device.createCommandEncoder();
      commands.copyBufferToBuffer(handle as GPUBuffer, begin, stage, 0, end - begin);
      device.queue.submit([commands.finish()]);
      await stage.mapAsync(MAP_READ, 0, end - begin);
      const copy = new Uint8Array(stage.getMappedRange(0, end - begin)).slice(offset - begin, offset - begin + bytes);
      stage.unmap();
      if (stages.length < STAGES) stages.push(stage);
      else stage.destroy();
      return copy;
    },
    close: () => {
      for (const stage of stages.splice(0)) stage.destroy();
    },
  };
}

/** GPUBufferUsage and GPUMapMode by number: in Node they are no globals. */
export const USAGE = { read: 0x1, source: 0x4, target: 0x8, uniform: 0x40, storage: 0x80 } as const;
const MAP_READ = 0x1;

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** The smallest kept buffer that is large enough, or a new one. */
function takeStage(device: GPUDevice, stages: GPUBuffer[], bytes: number): GPUBuffer {
  let best = -1;
  stages.forEach(({ size }, index) => {
    if (size >= bytes && (best === -1 || size < stages[best]!.size)) best = index;
  });
  if (best !== -1) return stages.splice(best, 1)[0]!;
  if (stages.length === STAGES) stages.shift()!.destroy();
  return device.createBuffer({ size: roundUp(bytes, 4096), usage: USAGE.read | USAGE.target });
}

const PATCH = `
struct Patch { at: u32, mask: u32, value: u32, none: u32 }
@group(0) @binding(0) var<uniform> p: Patch;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@compute @workgroup_size(1) fn main() { words[p.at] = (words[p.at] & ~p.mask) | p.value; }`;

/** Writes one to three bytes within a word. */
function createPatch(device: GPUDevice): (buffer: GPUBuffer, offset: number, bytes: Uint8Array) => void {
  let pipeline: GPUComputePipeline | undefined;
  let uniform: GPUBuffer | undefined;
  return (buffer, offset, bytes) => {
    pipeline ??= device.createComputePipeline({
      label: "u8_patch",
      layout: "auto",
      compute: { module: device.createShaderModule({ label: "u8_patch", code: PATCH }) },
    });
    uniform ??= device.createBuffer({ size: 16, usage: USAGE.uniform | USAGE.target });
    const [mask, value] = [new Uint8Array(4), new Uint8Array(4)];
    mask.fill(255, offset % WORD, (offset % WORD) + bytes.length);
    value.set(bytes, offset % WORD);
    const [maskWord, valueWord] = [mask, value].map((word) => new Uint32Array(word.buffer)[0]!) as [number, number];
    device.queue.writeBuffer(uniform, 0, Uint32Array.of(Math.floor(offset / WORD), maskWord, valueWord, 0));
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [uniform, buffer].map((resource, binding) => ({ binding, resource: { buffer: resource } }));
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([commands.finish()]);
  };
}
