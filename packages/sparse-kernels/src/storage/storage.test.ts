import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPareError } from "@pare/core";
import { byteSize, f32, i32, sizeOf, sourceOf, type HostTensor, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import type { BlockSize } from "./pattern.ts";
import { BLOCK_SHAPES, blockStorage, toBlock } from "./block.ts";
import { csrStorage, toCsr } from "./csr.ts";

const LAYOUTS = [
  { name: "csr", rows: 1, width: 1, starts: "rowStarts", plugin: csrStorage, from: toCsr },
  ...BLOCK_SHAPES.map((shape) => ({
    name: `block ${shape.rows}×${shape.columns}`,
    rows: shape.rows,
    width: shape.columns,
    starts: "blockRowStarts",
    plugin: blockStorage,
    from: (dense: HostTensor, mask?: HostTensor) => toBlock(dense, shape, mask),
  })),
];

/** A mask whose blocks are kept together, and values that are 0 where it prunes. */
function pruned({ rows, width }: BlockSize): fc.Arbitrary<{ readonly dense: HostTensor; readonly mask: HostTensor }> {
  return fc.tuple(fc.integer({ min: 1, max: 13 }), fc.integer({ min: 1, max: 9 })).chain(([out, features]) => {
    const [blockRows, blockColumns] = [Math.ceil(out / rows), Math.ceil(features / width)];
    return fc
      .tuple(
        fc.array(fc.boolean(), { minLength: blockRows * blockColumns, maxLength: blockRows * blockColumns }),
        fc.array(fc.integer({ min: 1, max: 99 }), { minLength: out * features, maxLength: out * features }),
      )
      .map(([blocks, values]) => {
        const mask = Uint8Array.from(values, (_, i) => {
          const [row, column] = [Math.floor(i / features), i % features];
          return Number(blocks[Math.floor(row / rows) * blockColumns + Math.floor(column / width)]);
        });
        const dense = values.map((value, i) => (value / 8) * mask[i]!);
        return { dense: f32([out, features], dense), mask: { dtype: "u8" as const, shape: [out, features], data: mask } };
      });
  });
}

describe.each(LAYOUTS)("sparse/$name", ({ rows, width, starts, plugin, from }) => {
  const load = (weight: StoredWeight, parts: Readonly<Record<string, TensorSource>> = weight.parts): StoredWeight =>
    plugin.define.load("layer.weight", weight.descriptor, parts);

  it("keeps values and mask, in memory and through its parts", async () => {
    await fc.assert(
      fc.asyncProperty(pruned({ rows, width }), async ({ dense, mask }) => {
        for (const given of [from(dense), from(dense, mask), load(from(dense, mask))]) {
          expect((await given.dense()).data).toEqual(dense.data);
          expect((await given.mask!()).data).toEqual(mask.data);
          expect(given.bytes).toBe(
            Object.values(given.parts).reduce((total, { shape, dtype }) => total + sizeOf(shape) * byteSize(dtype), 0),
          );
        }
      }),
    );
  });

  it("keeps a place the mask keeps though its value is 0, and drops what it prunes", async () => {
    const shape = [rows, 2 * width];
    const firstBlock = Uint8Array.from({ length: 2 * rows * width }, (_, i) => Number(i % (2 * width) < width));
    const dense = f32(
      shape,
      Float32Array.from(firstBlock, (bit) => 5 * (1 - bit)),
    );
    const weight = from(dense, { dtype: "u8", shape, data: firstBlock });
    expect((await weight.mask!()).data).toEqual(firstBlock);
    expect((await weight.dense()).data).toEqual(new Float32Array(firstBlock.length));
    expect(weight.parts["columns"]!.shape).toEqual([1]);
  });

  it("puts new values at the same places", async () => {
    await fc.assert(
      fc.asyncProperty(pruned({ rows, width }), async ({ dense, mask }) => {
        const next = f32(
          dense.shape,
          Float32Array.from(dense.data as Float32Array, (_, i) => i + 0.5),
        );
        const weight = load(from(dense, mask)).withValues!(next);
        expect((await weight.dense()).data).toEqual((next.data as Float32Array).map((value, i) => value * (mask.data[i] as number)));
        expect((await weight.mask!()).data).toEqual(mask.data);
        expect((await load(weight).dense()).data).toEqual((await weight.dense()).data);
      }),
      { numRuns: 30 },
    );
    expect(() => from(f32([2, 2], [1, 1, 1, 1])).withValues!(f32([1, 4]))).toThrow(
      expect.objectContaining({ code: "tensor-core/shape-mismatch" }),
    );
  });

  it("refuses a mask of another shape", () => {
    expect(() => from(f32([2, 2]), f32([2, 3]))).toThrow(expect.objectContaining({ code: "sparse-kernels/mask-invalid" }));
  });

  describe("refuses, naming weight and field", () => {
    // Eight block rows of two blocks each in three block columns.
    const blockRows = 8;
    const weight = from(
      f32(
        [blockRows * rows, 3 * width],
        Array.from({ length: 3 * blockRows * rows * width }, (_, i) => (Math.floor(i / width) % 3 === 1 ? 0 : 1)),
      ),
    );
    const headers: readonly (readonly [string, string, Readonly<Record<string, TensorSource | undefined>>])[] = [
      ["a missing part", "columns", { columns: undefined }],
      ["an unknown part", "extra", { extra: sourceOf(f32([1])) }],
      ["starts of a wrong length", starts, { [starts]: sourceOf(numbers(blockRows, goodStarts)) }],
      ["starts of a wrong type", starts, { [starts]: sourceOf(f32([blockRows + 1])) }],
      ["values and columns that disagree", "values", { values: sourceOf(f32([1])) }],
      ["more columns than places", "columns", { columns: sourceOf(columnNumbers(1000, goodColumns)) }],
      [
        "columns in two dimensions",
        "columns",
        { columns: sourceOf({ ...columnNumbers(2 * blockRows, goodColumns), shape: [blockRows, 2] }) },
      ],
    ];
    it.each(headers)("%s, from the header alone", (_name, field, parts) => {
      const given = Object.fromEntries(
        Object.entries({ ...weight.parts, ...parts }).filter((entry): entry is [string, TensorSource] => entry[1] !== undefined),
      );
      expect(() => load(weight, given)).toThrow(refusal(field));
    });

    const data: readonly (readonly [string, string, HostTensor])[] = [
      ["starts that do not begin at 0", starts, numbers(blockRows + 1, (i) => Math.max(1, goodStarts(i)))],
      ["starts that descend", starts, numbers(blockRows + 1, (i) => (i === 1 ? 4 : i === 2 ? 2 : goodStarts(i)))],
      ["starts past the last column", starts, numbers(blockRows + 1, (i) => (i === blockRows ? 1000 : goodStarts(i)))],
      ["a negative start", starts, numbers(blockRows + 1, (i) => (i === 1 ? -2 : goodStarts(i)))],
      ["a column too far", "columns", columnNumbers(2 * blockRows, (i) => (i === 3 ? 3 : goodColumns(i)))],
      [
        "a negative column, which 16 bits hold as a large one",
        "columns",
        columnNumbers(2 * blockRows, (i) => (i === 2 ? -1 : goodColumns(i))),
      ],
      ["a column twice", "columns", columnNumbers(2 * blockRows, (i) => (i === 3 ? 0 : goodColumns(i)))],
      ["columns that descend", "columns", columnNumbers(2 * blockRows, (i) => (i < 2 ? 2 - goodColumns(i) : goodColumns(i)))],
    ];
    it.each(data)("%s, whichever part is read first", async (_name, field, tensor) => {
      for (const read of ["columns", starts]) {
        const given = load(weight, { ...weight.parts, [field]: sourceOf(tensor) });
        await expect(given.parts[read]!.read()).rejects.toThrow(refusal(field));
        await expect(given.dense()).rejects.toThrow(refusal(field));
        await expect(given.mask!()).rejects.toThrow(refusal(field));
      }
    });

    it("values that are not finite", async () => {
      const count = sizeOf(weight.parts["values"]!.shape);
      const given = load(weight, {
        ...weight.parts,
        values: sourceOf(
          f32(
            [count],
            Array.from({ length: count }, (_, i) => (i === 3 ? NaN : 1)),
          ),
        ),
      });
      await expect(given.parts["values"]!.read()).rejects.toThrow(refusal("values"));
      await expect(given.dense()).rejects.toThrow(refusal("values"));
    });

    it.each([undefined, "8x3", [8], [8, 3, 1], [8, -3], [8, 2.5], [8, "3"], [2 ** 20, 2 ** 20]].map((shape) => [shape]))(
      "shape %j",
      (shape) => {
        expect(() => plugin.define.load("layer.weight", { ...weight.descriptor, shape }, weight.parts)).toThrow(refusal("shape"));
      },
    );

    it("any other change to its numbers: every mutation is refused or gives a valid weight", async () => {
      const { columns, [starts]: first } = weight.parts as Record<"columns" | typeof starts, TensorSource>;
      const change = fc.record({
        part: fc.constantFrom("columns", starts),
        at: fc.nat(100),
        to: fc.oneof(fc.integer(), fc.integer({ min: -2, max: 20 })),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
          const tensors = { columns: await copy(columns), [starts]: await copy(first!) };
          for (const { part, at, to } of changes) tensors[part]!.data[at % tensors[part]!.data.length] = to;
          try {
            const given = load(weight, { ...weight.parts, columns: sourceOf(tensors["columns"]!), [starts]: sourceOf(tensors[starts]!) });
            const kept = ((await given.mask!()).data as Uint8Array).reduce((total, bit) => total + bit, 0);
            expect(kept).toBe(sizeOf(weight.parts["values"]!.shape));
          } catch (error) {
            expect(isPareError(error) && error.code).toBe("tensor-core/storage-invalid");
          }
        }),
      );
    });
  });

  it("reads nothing when it is loaded", () => {
    const weight = from(
      f32(
        [4, 4],
        Array.from({ length: 16 }, (_, i) => i),
      ),
    );
    const unread = Object.fromEntries(
      Object.entries(weight.parts).map(([name, part]) => [name, { ...part, read: () => Promise.reject(new Error(`${name} was read`)) }]),
    );
    expect(load(weight, unread).shape).toEqual([4, 4]);
  });
});

describe("sparse/block", () => {
  it("pads the last block row and never reads the padding", async () => {
    const dense = f32(
      [6, 2],
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    const weight = toBlock(dense, { rows: 4 });
    const values = Float32Array.from((await weight.parts["values"]!.read()).data as Float32Array);
    expect(values).toHaveLength(16);
    const padding = [10, 11, 14, 15];
    for (const entry of padding) expect(values[entry]).toBe(0);
    for (const entry of padding) values[entry] = 1e9;
    const noisy = blockStorage.define.load("w", weight.descriptor, { ...weight.parts, values: sourceOf(f32([16], values)) });
    expect((await noisy.dense()).data).toEqual(dense.data);
  });

  it("refuses a mask that prunes a part of a block", () => {
    const mask = f32([5, 1], [1, 1, 0, 1, 1]);
    expect(() => toBlock(f32([5, 1], [1, 1, 1, 1, 1]), { rows: 4 }, mask)).toThrow(/output 0 of input 0 and output 2 of input 0 differ/);
  });

  it("refuses another height", () => {
    expect(() => toBlock(f32([8, 1]), { rows: 12 as 4 })).toThrow(expect.objectContaining({ code: "sparse-kernels/block-unsupported" }));
    const weight = toBlock(f32([8, 1]), { rows: 4 });
    expect(() => blockStorage.define.load("layer.weight", { ...weight.descriptor, rows: 12 }, weight.parts)).toThrow(refusal("rows"));
  });
});

function numbers(length: number, of: (index: number) => number): HostTensor {
  return i32(
    [length],
    Array.from({ length }, (_, index) => of(index)),
  );
}

function goodStarts(index: number): number {
  return 2 * index;
}

function goodColumns(index: number): number {
  return 2 * (index % 2);
}

function refusal(field: string): object {
  const report = expect.objectContaining({ field: `layer.weight.${field}` });
  return expect.objectContaining({ code: "tensor-core/storage-invalid", report });
}

async function copy(source: TensorSource): Promise<HostTensor> {
  return { ...(await source.read()), data: (await source.read()).data.slice() };
}

function columnNumbers(count: number, of: (index: number) => number): HostTensor {
  return { dtype: "u16", shape: [count], data: Uint16Array.from({ length: count }, (_, index) => of(index)) };
}
