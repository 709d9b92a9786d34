/** Compiles and runs shaders through gpu.js, and moves elements between host and GPU. */
import { driverFailed, modeUnavailable } from "./errors.ts";
import { HELPERS, HOST_QUOTIENT, INTEGER_QUOTIENT, type Helper } from "./helpers.ts";
import { loadLibrary, type Gpu, type GpujsKernel, type Library, type Value } from "./library.ts";
import { chooseMode, modeOf, openGpu, runsOnGpu, type GpujsMode } from "./modes.ts";
import type { AnyShader, ParameterKind } from "./types.ts";

export interface Engine {
  /** Seen when a first kernel had run. */
  readonly mode: GpujsMode;
  /** Elements of the largest tensor. */
  readonly largest: number;
  /** @param values in the order of the shader's parameters. */
  readonly run: (shader: AnyShader, size: number, values: readonly (Value | number)[]) => Value;
  readonly upload: (elements: Float32Array) => Value;
  /** Throws `backend-gpujs/driver-failed` where anything has gone wrong on the GPU since the last time. */
  readonly download: (value: Value) => Float32Array;
  readonly release: (value: Value) => void;
  readonly close: () => Promise<void>;
}

/** Throws `backend-gpujs/mode-unavailable` where kernels run in another mode than the one asked for. */
export async function openEngine(asked: GpujsMode | undefined): Promise<Engine> {
  const library = await loadLibrary();
  const mode = chooseMode(library, asked);
  const gpu = openGpu(library, mode);
  addHelpers(gpu, mode);
  const engine = engineOf(gpu, mode);
  try {
    refuseOtherMode(library, mode, engine);
  } catch (error) {
    await gpu.destroy();
    throw error;
  }
  return engine;
}

function refuseOtherMode(library: Library, asked: GpujsMode, engine: Engine & { readonly kernels: ReadonlyMap<string, Compiled> }): void {
  let ran: GpujsMode | undefined;
  let right = false;
  try {
    const given = engine.upload(Float32Array.of(1.5, -2, 16777215));
    const found = engine.run(PROBE, 3, [given, 2, 0.5]);
    right = engine.download(found).join() === "4.5,0.5,33554430";
    ran = modeOf(library, engine.kernels.get(PROBE.name)!.kernel);
    for (const value of [given, found]) engine.release(value);
  } catch (cause) {
    throw modeUnavailable({ asked, ran: undefined, cause });
  }
  if (ran !== asked || !right) throw modeUnavailable({ asked, ran: right ? ran : `${ran}, and give wrong numbers` });
}

/** Reads a texture, an integer and a float; its results say whether floats keep all their bits. */
const PROBE: AnyShader = {
  name: "f32_probe",
  parameters: { x: "tensor", factor: "integer", shift: "number" },
  body: "if (quotient(i, 2) === 1) { return x[i] * factor; } return x[i] * factor + (i === 0 ? 3.0 * shift : 9.0 * shift);",
};

const COPY: AnyShader = { name: "f32_copy", parameters: { x: "tensor" }, body: "return x[i];" };

interface Compiled {
  readonly kernel: GpujsKernel;
  size: number;
  /** What it gave last. */
  latest: Value | undefined;
}

function engineOf(gpu: Gpu, mode: GpujsMode): Engine & { readonly kernels: ReadonlyMap<string, Compiled> } {
  const onGpu = runsOnGpu(mode);
  const kernels = new Map<string, Compiled>();
  const run = (shader: AnyShader, size: number, values: readonly unknown[], texture: string): Value => {
    let compiled = kernels.get(shader.name);
    if (compiled === undefined) {
      compiled = { kernel: compile(gpu, shader, size, texture), size, latest: undefined };
      kernels.set(shader.name, compiled);
    }
    // A kernel that reads its own latest result would be handed an old texture to write to, whatever its size; setting the output
    // anew gives it one of its own.
    if (compiled.size !== size || values.includes(compiled.latest)) compiled.kernel.setOutput([size]);
    compiled.size = size;
    compiled.latest = compiled.kernel(...values);
    return compiled.latest;
  };
  return {
    mode,
    kernels,
    largest: largestOf(gpu, mode),
    run: (shader, size, values) => run(shader, size, values, onGpu ? "ArrayTexture(1)" : "Array"),
    upload: (elements) => (onGpu ? run(UPLOAD, elements.length, [elements], "Array") : elements),
    download: (value) => {
      if (value instanceof Float32Array) return value;
      const elements = value.toArray();
      refuseDriverErrors(gpu, mode);
      return elements;
    },
    release: (value) => {
      if (!(value instanceof Float32Array)) value.delete();
    },
    close: () => gpu.destroy(),
  };
}

const CONTEXT_LOST = 0x9242;

/** Textures that were not allocated and contexts that were lost read as zeros: the driver only says so when it is asked. */
function refuseDriverErrors({ context }: Gpu, mode: GpujsMode): void {
  const glError = context?.isContextLost() === true ? CONTEXT_LOST : (context?.getError() ?? 0);
  if (glError !== 0) throw driverFailed({ mode, glError });
}

const UPLOAD: AnyShader = { ...COPY, name: "f32_upload" };

/** gpu.js lays elements out in a texture that is as square as may be; one short of a full square would be one row too high for it. */
function largestOf({ Kernel }: Gpu, mode: GpujsMode): number {
  const side = Kernel.features?.maxTextureSize;
  return runsOnGpu(mode) && side !== undefined ? side * (side - 1) : LARGEST_ARRAY;
}

/** Elements of an array on the CPU, 4 GiB of floats. */
const LARGEST_ARRAY = 2 ** 30;

/** More than any loop of a kernel goes around: gpu.js ends loops after 1,000 rounds otherwise, in silence. */
const MOST_ROUNDS = 2 ** 30;

const TYPES: Readonly<Record<Exclude<ParameterKind, "tensor">, string>> = { integer: "Integer", number: "Float" };

function compile(gpu: Gpu, { name, parameters, body }: AnyShader, size: number, texture: string): GpujsKernel {
  const names = Object.keys(parameters);
  return gpu.createKernel(`function ${name}(${names.join(", ")}) { const i = this.thread.x; ${body} }`, {
    output: [size],
    argumentTypes: Object.fromEntries(
      Object.entries(parameters).map(([parameter, kind]) => [parameter, kind === "tensor" ? texture : TYPES[kind]]),
    ),
    // One program for all sizes, results that stay textures and are nobody else's.
    dynamicOutput: true,
    dynamicArguments: true,
    pipeline: true,
    immutable: true,
    precision: "single",
    tactic: "precision",
    fixIntegerDivisionAccuracy: false,
    loopMaxIterations: MOST_ROUNDS,
  });
}

function addHelpers(gpu: Gpu, mode: GpujsMode): void {
  const { name, parameters, gives } = HOST_QUOTIENT;
  if (runsOnGpu(mode)) gpu.addNativeFunction(name, INTEGER_QUOTIENT, { argumentTypes: parameters, returnType: gives });
  else addHelper(gpu, HOST_QUOTIENT);
  for (const helper of HELPERS) addHelper(gpu, helper);
}

function addHelper(gpu: Gpu, { name, parameters, gives, body }: Helper): void {
  gpu.addFunction(`function ${name}(${Object.keys(parameters).join(", ")}) { ${body} }`, {
    argumentTypes: parameters,
    returnType: gives,
  });
}
