/** What is taken of an adapter, without one. */
import { f32, linearF16Op, type HostTensor, type PlannedTensor } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { featuresOf, openGpuDevice, variantOf } from "../src/adapter.ts";
import { encodeSteps } from "../src/encoder.ts";
import { KERNELS } from "../src/kernels/index.ts";
import { shaderOf } from "../src/shader.ts";
import { unsupported } from "../src/unsupported.ts";

interface Named {
  readonly features: readonly string[];
  readonly language?: readonly string[];
  readonly info?: Partial<GPUAdapterInfo>;
}

function adapterOf({ features, language = [], info = {} }: Named): { gpu: GPU; adapter: GPUAdapter; asked: GPUDeviceDescriptor[] } {
  const asked: GPUDeviceDescriptor[] = [];
  const adapter = {
    features: new Set(features),
    limits: {},
    info: { vendor: "", architecture: "", description: "", isFallbackAdapter: false, ...info },
    requestDevice: (descriptor: GPUDeviceDescriptor) => (asked.push(descriptor), Promise.resolve({})),
  };
  return {
    gpu: { wgslLanguageFeatures: new Set(language) } as unknown as GPU,
    adapter: adapter as unknown as GPUAdapter,
    asked,
  };
}

describe("features of an adapter", () => {
  it("are asked of the device and named, each where both the adapter and WGSL have it", async () => {
    const { gpu, adapter, asked } = adapterOf({
      features: ["subgroups", "shader-f16", "timestamp-query"],
      language: ["subgroup_id", "packed_4x8_integer_dot_product"],
      info: { vendor: "acme", architecture: "one" },
    });
    const features = featuresOf(gpu, adapter, false);
    expect(features).toEqual({ subgroups: true, packedDot: true, shaderF16: true });
    await openGpuDevice(adapter, features);
    expect(asked[0]!.requiredFeatures).toEqual(["subgroups", "shader-f16"]);
    expect(variantOf(adapter, features)).toBe("acme one, subgroups, packed-int8, f16");
    expect(unsupported(features)).toEqual({});
  });

  it("are none of a portable device, which then says what it has no kernel for", async () => {
    const { gpu, adapter, asked } = adapterOf({ features: ["subgroups", "shader-f16"], language: ["subgroup_id"] });
    const features = featuresOf(gpu, adapter, true);
    expect(features).toEqual({ subgroups: false, packedDot: false, shaderF16: false });
    await openGpuDevice(adapter, features);
    expect(asked[0]!.requiredFeatures).toEqual([]);
    expect(unsupported(features)).toEqual({ "linear-f16": expect.stringContaining("shader-f16") });
  });

  it("leave subgroups alone where WGSL lacks subgroup_id, and call an adapter by its description where its vendor is a number", () => {
    const { gpu, adapter } = adapterOf({
      features: ["subgroups"],
      info: { vendor: "65541", description: "llvmpipe (256 bits/lane)", isFallbackAdapter: true },
    });
    const features = featuresOf(gpu, adapter, false);
    expect(features).toEqual({ subgroups: false, packedDot: false, shaderF16: false });
    expect(variantOf(adapter, features)).toBe("software llvmpipe (256 bits lane)");
  });
});

describe("shaders", () => {
  const kernels = new Map(KERNELS.map((kernel) => [kernel.op, kernel]));

  it.each([
    [2, 8],
    [9, 7],
  ])("of %s rows over %s columns compute in f16 where the device does", (rows, columns) => {
    const buffer = { bytes: 1, handle: {} };
    const plan = ({ dtype, shape }: Omit<HostTensor, "data">): PlannedTensor => ({ dtype, shape, buffer, offset: 0, constant: true });
    const inputs = {
      x: plan(f32([rows, columns], new Float32Array(rows * columns))),
      halves: plan({ dtype: "u8", shape: [5, 2 * columns] }),
      largest: plan({ dtype: "f32", shape: [1] }),
    };
    const step = {
      op: linearF16Op,
      attrs: { features: columns, activation: "none" },
      inputs,
      outputs: { y: plan({ dtype: "f32", shape: [rows, 5] }) },
    };
    const features = { subgroups: false, packedDot: false, shaderF16: true };
    const { parts } = encodeSteps([step], kernels, features);
    const codes = parts.flatMap((part) => (Array.isArray(part) ? part.map((call) => shaderOf(call, features).code) : []));
    expect(codes).toHaveLength(2);
    for (const code of codes) expect(code.startsWith("enable f16;")).toBe(true);
    expect(codes[1]).toMatch(/fma\((vec4<f16>|x_pair)/);
    const plain = encodeSteps([{ ...step, op: linearF16Op }], kernels, { ...features, shaderF16: false });
    expect(shaderOf((plain.parts[0] as never[])[0]!, { ...features, shaderF16: false }).code).not.toContain("enable f16");
  });
});
