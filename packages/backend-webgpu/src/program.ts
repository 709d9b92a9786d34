/** From calls to dispatches: pipelines kept by their WGSL, one bind group per call, a list that every run walks. */
import { runOnHost, sizeOf, byteSize, viewArray, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { buffersExceeded, dispatchTooLarge } from "./errors.ts";
import { roundUp, USAGE, type Memory } from "./memory.ts";
import { gridOf, shaderOf, type Shader } from "./shader.ts";
import type { Call, Features } from "./types.ts";

/** Stand for buffers that a program makes once all its steps are encoded. */
export const SCRATCH: object = { scratch: true };
export const TABLE: object = { table: true };

export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

/** Dispatches in order, and between them steps that run on their references. */
export type Part = { readonly dispatches: readonly Dispatch[] } | { readonly host: ProgramStep };

/** What encoding gave. */
export interface Encoded {
  readonly parts: readonly (Call[] | ProgramStep)[];
  /** Bytes that the steps share. */
  readonly scratchBytes: number;
  readonly table: Int32Array;
}

export interface Pipelines {
  readonly of: (kernel: string, shader: Shader) => { pipeline: GPUComputePipeline; layout: GPUBindGroupLayout };
  /** After a refusal: what is asked for again is then refused again in its own words. */
  readonly forget: () => void;
}

export function createPipelines(device: GPUDevice): Pipelines {
  const pipelines = new Map<string, GPUComputePipeline>();
  const layouts = new Map<string, { layout: GPUBindGroupLayout; whole: GPUPipelineLayout }>();
  const layoutOf = ({ bindings, numbers }: Shader): { layout: GPUBindGroupLayout; whole: GPUPipelineLayout } => {
    const key = [numbers.length, ...bindings.map(({ written }) => (written ? "w" : "r"))].join("");
    let known = layouts.get(key);
    if (known === undefined) {
      // With its size: where a layout leaves that open, wgpu refuses a pass in which pipelines of other sizes follow each other (gfx-rs/wgpu#7359).
      const buffers: GPUBufferBindingLayout[] = [{ type: "uniform", minBindingSize: numbers.length }];
      for (const { written } of bindings) buffers.push({ type: written ? "storage" : "read-only-storage" });
      const layout = device.createBindGroupLayout({
        entries: buffers.map((buffer, binding) => ({ binding, visibility: COMPUTE, buffer })),
      });
      known = { layout, whole: device.createPipelineLayout({ bindGroupLayouts: [layout] }) };
      layouts.set(key, known);
    }
    return known;
  };
  return {
    of: (kernel, shader) => {
      const { code } = shader;
      const { layout, whole } = layoutOf(shader);
      let pipeline = pipelines.get(code);
      if (pipeline === undefined) {
        const module = device.createShaderModule({ label: kernel, code });
        pipeline = device.createComputePipeline({ label: kernel, layout: whole, compute: { module } });
        pipelines.set(code, pipeline);
      }
      return { pipeline, layout };
    },
    forget: () => pipelines.clear(),
  };
}

const COMPUTE = 0x4;

export interface Built {
  readonly parts: readonly Part[];
  readonly dispose: () => void;
}

/** Throws `backend-webgpu/buffers-exceeded`, `backend-webgpu/dispatch-too-large`, `tensor-core/device-memory-exceeded`. */
export function build(encoded: Encoded, { device, memory, pipelines, features }: BuildParts): Built {
  const calls = encoded.parts.flatMap((part) => (Array.isArray(part) ? part : [])).filter(({ groups }) => groups > 0);
  const shaders = calls.map((call) => shaderOf(call, features));
  calls.forEach((call, index) => refuse(call, shaders[index]!.bindings.length, device.limits));
  const slot = device.limits.minUniformBufferOffsetAlignment;
  const places: number[] = [];
  let end = 0;
  for (const { numbers } of shaders) {
    places.push(end);
    end += roundUp(numbers.length, slot);
  }
  const own = [end, encoded.scratchBytes, encoded.table.byteLength].map((bytes, index) =>
    index === 0
      ? device.createBuffer({ size: Math.max(16, bytes), usage: USAGE.uniform | USAGE.target })
      : bytes === 0
        ? undefined
        : memory.allocate(bytes),
  );
  const [uniforms, scratch, table] = own as [
    GPUBuffer,
    ReturnType<Memory["allocate"]> | undefined,
    ReturnType<Memory["allocate"]> | undefined,
  ];
  const image = new Uint8Array(Math.max(16, end));
  shaders.forEach(({ numbers }, index) => image.set(numbers, places[index]));
  device.queue.writeBuffer(uniforms, 0, image);
  if (table !== undefined) memory.write(table, encoded.table);
  const bufferOf = (place: object): GPUBuffer =>
    (place === SCRATCH ? scratch!.handle : place === TABLE ? table!.handle : place) as GPUBuffer;
  let next = 0;
  const dispatchOf = (call: Call): Dispatch => {
    const shader = shaders[next]!;
    const { bindings, numbers } = shader;
    const at = places[next++]!;
    const { pipeline, layout } = pipelines.of(call.kernel, shader);
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer: uniforms, offset: at, size: numbers.length } },
      ...bindings.map(({ memory }, index) => ({ binding: index + 1, resource: { buffer: bufferOf(memory) } })),
    ];
    const [x, y] = gridOf(call.groups, device.limits.maxComputeWorkgroupsPerDimension);
    return { pipeline, group: device.createBindGroup({ layout, entries }), x, y };
  };
  return {
    parts: encoded.parts.map((part) =>
      Array.isArray(part) ? { dispatches: part.filter(({ groups }) => groups > 0).map(dispatchOf) } : { host: part },
    ),
    dispose: () => {
      uniforms.destroy();
      for (const buffer of [scratch, table]) if (buffer !== undefined) memory.free(buffer);
    },
  };
}

export interface BuildParts {
  readonly device: GPUDevice;
  readonly memory: Memory;
  readonly pipelines: Pipelines;
  readonly features: Features;
}

function refuse({ kernel, groups }: Call, buffers: number, limits: GPUSupportedLimits): void {
  const most = limits.maxStorageBuffersPerShaderStage;
  if (buffers > most) throw buffersExceeded({ kernel, found: buffers, limit: most });
  const [, rows] = gridOf(groups, limits.maxComputeWorkgroupsPerDimension);
  if (rows > limits.maxComputeWorkgroupsPerDimension) {
    throw dispatchTooLarge({ kernel, found: groups, limit: 32768 * limits.maxComputeWorkgroupsPerDimension });
  }
}

/** Dispatches handed over at once; more would let slow adapters work past the time that drivers allow a piece of work. */
const BATCH = 256;

export function submit(device: GPUDevice, dispatches: readonly Dispatch[]): void {
  for (let begin = 0; begin < dispatches.length; begin += BATCH) {
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    for (let i = begin; i < dispatches.length && i < begin + BATCH; i++) {
      const { pipeline, group, x, y } = dispatches[i]!;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
    device.queue.submit([commands.finish()]);
  }
}

/** A step by its op's reference, over copies of its tensors. */
export async function runByReference(step: ProgramStep, memory: Memory): Promise<void> {
  const copies = new Map<PlannedTensor, Uint8Array>();
  for (const tensor of [...Object.values(step.inputs), ...Object.values(step.outputs)]) {
    if (tensor !== undefined && !copies.has(tensor)) copies.set(tensor, await memory.read(tensor.buffer, tensor.offset, bytesOf(tensor)));
  }
  runOnHost(step, (tensor) => viewArray(tensor.dtype, copies.get(tensor)!));
  for (const tensor of Object.values(step.outputs)) memory.write(tensor.buffer, copies.get(tensor)!, tensor.offset);
}

function bytesOf({ dtype, shape }: PlannedTensor): number {
  return sizeOf(shape) * byteSize(dtype);
}
