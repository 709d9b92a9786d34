/** gpu.js as this backend uses it, and the one place that loads it. */

/** What a kernel gives: a texture on the GPU, or the elements themselves where gpu.js runs on the CPU. */
export type Value = Float32Array | Texture;

export interface Texture {
  readonly toArray: () => Float32Array;
  /** Gives its memory back once nothing else refers to it. */
  readonly delete: () => void;
}

export interface GpujsKernel {
  (...args: readonly unknown[]): Value;
  readonly setOutput: (output: readonly number[]) => unknown;
  /** The kernel that really runs: gpu.js swaps it where the one chosen first cannot. */
  readonly kernel: object;
}

export interface Gpu {
  readonly Kernel: KernelClass;
  /** WebGL's, once there is a kernel; null on the CPU. */
  readonly context: GlContext | null;
  readonly addFunction: (source: string, settings: object) => unknown;
  readonly addNativeFunction: (name: string, source: string, settings: object) => unknown;
  readonly createKernel: (source: string, settings: object) => GpujsKernel;
  readonly destroy: () => Promise<void>;
}

export interface GlContext {
  /** 0: none since it was last asked. */
  readonly getError: () => number;
  readonly isContextLost: () => boolean;
}

interface KernelClass {
  new (...args: never[]): object;
  readonly isSupported?: boolean;
  readonly features?: { readonly maxTextureSize?: number };
}

export interface Library {
  readonly GPU: new (settings: { readonly mode: string }) => Gpu;
  readonly WebGL2Kernel: KernelClass;
  readonly HeadlessGLKernel: KernelClass;
  readonly WebAssemblyKernel: KernelClass;
  readonly CPUKernel: KernelClass;
}

/** Loaded when a device is opened: until then nothing of it runs. Its browser build takes over the global `GPU`, which is put back. */
export async function loadLibrary(): Promise<Library> {
  const own = Object.getOwnPropertyDescriptor(globalThis, "GPU");
  const loaded = (await import("gpu.js")) as unknown as Library & { readonly default?: Library };
  if (own !== undefined) Object.defineProperty(globalThis, "GPU", own);
  else Reflect.deleteProperty(globalThis, "GPU");
  return loaded.default ?? loaded;
}
