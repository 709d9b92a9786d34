/** Finding an adapter, and what it offers. */
import type { Features } from "./types.ts";
import { webgpuUnavailable } from "./errors.ts";

/** Where WebGPU comes from: the page, or in Node the optional package `webgpu`. Undefined: nowhere. */
export async function findGpu(): Promise<GPU | undefined> {
  const own = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (own !== undefined) return own;
  if ((globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node === undefined) return undefined;
  // Not a literal, so that bundlers for browsers do not look for it.
  const name = "webgpu";
  try {
    const { create } = (await import(/* @vite-ignore */ name)) as { create: (options: readonly string[]) => GPU };
    return create([]);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Throws `backend-webgpu/unavailable`, saying what would help. */
export async function requireAdapter(gpu: GPU | undefined, options: GPURequestAdapterOptions): Promise<GPUAdapter> {
  const inNode = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
  if (gpu === undefined) {
    throw webgpuUnavailable({
      why: inNode ? "Node has no WebGPU of its own" : "this browser has no WebGPU",
      next: inNode
        ? "Install the package webgpu (0.6.2 or newer) beside @pare/backend-webgpu."
        : "Use a newer browser, or the wasm backend.",
    });
  }
  const adapter = await gpu.requestAdapter(options);
  if (adapter !== null) return adapter;
  throw webgpuUnavailable({
    why: "WebGPU is here, but found no adapter",
    next: inNode
      ? "Install a Vulkan, Metal or D3D12 driver. A software one serves for tests: SwiftShader comes with Chromium, and VK_ICD_FILENAMES names its vk_swiftshader_icd.json."
      : "Turn on hardware acceleration, or use the wasm backend.",
  });
}

/** Limits that are taken as high as the adapter has them. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
] as const;

export async function openGpuDevice(adapter: GPUAdapter, { subgroups, shaderF16 }: Features): Promise<GPUDevice> {
  const requiredFeatures: GPUFeatureName[] = [];
  if (subgroups) requiredFeatures.push("subgroups");
  if (shaderF16) requiredFeatures.push("shader-f16");
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  return adapter.requestDevice({ requiredFeatures, requiredLimits });
}

export function featuresOf(gpu: GPU, adapter: GPUAdapter, portable: boolean): Features {
  const language = gpu.wgslLanguageFeatures as ReadonlySet<string>;
  return {
    subgroups: !portable && adapter.features.has("subgroups") && language.has("subgroup_id"),
    packedDot: !portable && language.has("packed_4x8_integer_dot_product"),
    shaderF16: !portable && adapter.features.has("shader-f16"),
  };
}

/** What really runs: "software google swiftshader, subgroups, packed-int8". */
export function variantOf(adapter: GPUAdapter, { subgroups, packedDot, shaderF16 }: Features): string {
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const software = isFallbackAdapter || /swiftshader|llvmpipe|warp|basic render/i.test(`${architecture} ${description}`);
  // Some implementations give the vendor as a number; names of files are made of this one.
  const named = [/^\d+$/.test(vendor) ? "" : vendor, architecture].filter((part) => part !== "").join(" ");
  const adapterName = `${software ? "software " : ""}${named || description.replaceAll("/", " ") || "unnamed adapter"}`;
  return [adapterName, subgroups && "subgroups", packedDot && "packed-int8", shaderF16 && "f16"]
    .filter((part) => part !== false)
    .join(", ");
}
