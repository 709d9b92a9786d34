import {
  addOp,
  defineOp,
  f32,
  linearOp,
  matmulOp,
  sliceOp,
  padOp,
  concatOp,
  type DeviceBuffer,
  type DType,
  type HostTensor,
  type PlannedTensor,
} from "@pare/tensor-core";
import { checkCase } from "@pare/tensor-core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { implement, openWebgpu, webgpuBackend, type WebgpuPack } from "../src/index.ts";
import { openInNode } from "./node.ts";

const device = await openInNode();
/** Milliseconds that work takes at most on a software adapter whose cores are busy. */
const SLOW = 300_000;

const double = defineOp({
  name: "double",
  inputs: ["x"],
  outputs: ["y"],
  infer: ({ x }) => ({ y: x }),
  reference: ({ x }) => ({
    y: f32(
      x.shape,
      Float32Array.from(x.data as Float32Array, (v) => 2 * v),
    ),
  }),
  cases: () => [],
});

const pack: WebgpuPack = {
  kind: "pack",
  id: "test",
  version: 1,
  apiVersion: 1,
  package: "test",
  backend: "webgpu",
  kernels: [
    implement(double, (encoder, { x }, { y }) =>
      encoder.call({
        kernel: "f32_double",
        reads: { x },
        writes: { y },
        sizes: { count: x.size },
        body: "let i = group * 64u + lane; if (i < p.count) { write_y(i, 2.0 * read_x(i)); }",
        lanes: 64,
        groups: Math.ceil(x.size / 64),
      }),
    ),
  ],
};

function plan(buffer: DeviceBuffer, offset: number, shape: readonly number[], dtype: DType = "f32"): PlannedTensor {
  return { dtype, shape, buffer, offset, constant: false };
}

async function floats(read: Promise<Uint8Array>): Promise<number[]> {
  return [...new Float32Array((await read).buffer)];
}

describe.skipIf(device === undefined)("the WebGPU device", () => {
  afterAll(() => device?.close());

  it.each([[[pack]], [[]]])("runs a pack's kernel, or the op's reference between kernels without it", async (packs) => {
    const own = await openWebgpu({ packs });
    expect(own.supports("double")).toBe(packs.length === 1);
    const buffer = own.allocate(256);
    own.write(buffer, Float32Array.of(0, 1, -1, 0.5, 0.25));
    const [x, y] = [plan(buffer, 0, [5]), plan(buffer, 128, [5])];
    const program = own.prepare([
      { op: addOp, attrs: {}, inputs: { a: x, b: x }, outputs: { y } },
      { op: double, attrs: {}, inputs: { x: y }, outputs: { y } },
      { op: addOp, attrs: {}, inputs: { a: x, b: y }, outputs: { y } },
    ]);
    await program.run();
    expect(await floats(own.read(buffer, 128, 20))).toEqual([0, 5, -5, 2.5, 1.25]);
    program.dispose();
    await own.close();
  });

  it("writes bytes at any place and keeps their neighbours", async () => {
    const buffer = device!.allocate(23);
    const expected = new Uint8Array(23);
    for (let at = 0; at < 12; at++) {
      for (let length = 0; length < 12; length++) {
        const bytes = Uint8Array.from({ length }, (_, i) => 1 + ((at * 31 + length * 7 + i) % 255));
        device!.write(buffer, bytes, at);
        expected.set(bytes, at);
      }
    }
    expect(await device!.read(buffer, 0, 23)).toEqual(expected);
    expect(await device!.read(buffer, 3, 5)).toEqual(expected.slice(3, 8));
    device!.free(buffer);
  });

  it.each([
    [sliceOp, { x: [7, 5] }, { starts: [2, 1], ends: [6, 4] }],
    [padOp, { x: [3, 3] }, { before: [1, 2], after: [0, 2] }],
    [concatOp, { a: [3, 2], b: [3, 5] }, { axis: 1 }],
  ] as const)("moves bytes without touching what lies beside: $name", async (op, shapes, attrs) => {
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]): [string, HostTensor] => [
        name,
        { dtype: "u8", shape, data: Uint8Array.from({ length: shape[0]! * shape[1]! }, (_, i) => 1 + i) },
      ]),
    );
    await checkCase(device!, op, { name: "bytes", inputs, attrs, tolerance: 0, why: "bytes are copied" });
  });

  it.each([
    [linearOp, { x: [450, 5], weight: [455, 5] }, { activation: "none" }],
    [matmulOp, { a: [5, 450], b: [5, 455] }, { transposeA: true, transposeB: false }],
  ] as const)(
    "computes in large tiles: $name",
    async (op, shapes, attrs) => {
      const inputs = Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [
          name,
          f32(
            shape,
            Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5),
          ),
        ]),
      );
      await checkCase(device!, op, { name: "large tiles", inputs, attrs, tolerance: 1e-5, why: "sums of 5 products in f32" });
    },
    SLOW,
  );

  it(
    "computes past one row of the grid of workgroups",
    async () => {
      const many = 65_535 * 64 + 77;
      const buffer = device!.allocate(4 * many);
      device!.write(buffer, new Float32Array(many).fill(1.5));
      const x = plan(buffer, 0, [many]);
      const program = device!.prepare([{ op: addOp, attrs: {}, inputs: { a: x, b: x }, outputs: { y: x } }]);
      await program.run();
      expect(await floats(device!.read(buffer, 4 * (many - 80), 320))).toEqual(Array(80).fill(3));
      program.dispose();
      device!.free(buffer);
    },
    SLOW,
  );

  it("refuses what exceeds its memory before anything is taken", async () => {
    const own = await openWebgpu({ memoryLimit: 1000 });
    const buffer = own.allocate(900);
    expect(() => own.allocate(200)).toThrow(/device-memory-exceeded/);
    own.free(buffer);
    own.free(own.allocate(1000));
    await own.close();
  });

  it("refuses types that kernels do not know, and shaders that do not compile, with a code", async () => {
    const own = await openWebgpu({
      packs: [
        {
          ...pack,
          kernels: [
            {
              op: "double",
              encode: (encoder: any, { x }: any, { y }: any) =>
                encoder.call({ kernel: "f32_double", reads: { x }, writes: { y }, body: "nonsense", lanes: 1, groups: 1 }),
            },
          ],
        } as WebgpuPack,
      ],
    });
    const buffer = own.allocate(256);
    const wide = plan(buffer, 0, [2], "f64");
    expect(() => own.prepare([{ op: addOp, attrs: {}, inputs: { a: wide, b: wide }, outputs: { y: wide } }])).toThrow(/dtype-unsupported/);
    const program = own.prepare([{ op: double, attrs: {}, inputs: { x: plan(buffer, 0, [2]) }, outputs: { y: plan(buffer, 64, [2]) } }]);
    await expect(program.run()).rejects.toThrow(/WGSL[^]*device-refused/);
    await own.close();
  });

  it("says that it was lost", async () => {
    const own = await openWebgpu();
    const buffer = own.allocate(64);
    own.gpu.destroy();
    await expect(own.read(buffer, 0, 64)).rejects.toThrow(/device-lost/);
    expect(() => own.allocate(64)).toThrow(/device-lost/);
  });

  it("names what runs, and runs plain WGSL where it is told to", async () => {
    const portable = (await webgpuBackend.open({ portable: true }))!;
    expect(portable.features).toEqual({ subgroups: false, packedDot: false, shaderF16: false });
    expect(portable.variant).not.toMatch(/subgroups|packed|f16/);
    expect(portable.supports("linear-f16")).toBe(false);
    for (const [feature, named] of [
      ["subgroups", "subgroups"],
      ["packedDot", "packed-int8"],
      ["shaderF16", "f16"],
    ] as const) {
      expect(device!.variant.includes(named)).toBe(device!.features[feature]);
    }
    await portable.close();
  });
});

describe("where there is no WebGPU", () => {
  const nothing = { requestAdapter: () => Promise.resolve(null), wgslLanguageFeatures: new Set() } as unknown as GPU;
  it("says so, and what would help", async () => {
    await expect(openWebgpu({ gpu: nothing })).rejects.toThrow(/no adapter[^]*VK_ICD_FILENAMES[^]*backend-webgpu\/unavailable/);
  });
});
