import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  affineOf,
  affineStorage,
  compile,
  createStore,
  denseOf,
  f32,
  linear,
  openReference,
  packCodes,
  packedRowBytes,
  trace,
  unpackCodes,
  type HostTensor,
  type StoredWeight,
} from "../index.ts";

const u8 = (shape: number[], data: Uint8Array): HostTensor => ({ dtype: "u8", shape, data });

function sample(bits: number, groupSize: number): StoredWeight {
  const [rows, columns] = [5, 7];
  const codes = Uint8Array.from({ length: rows * columns }, (_, i) => (i * 37) % 2 ** bits);
  const groups = Math.ceil(columns / groupSize);
  return affineOf({
    shape: [rows, columns],
    bits,
    groupSize,
    codes: u8([rows, packedRowBytes(columns, bits)], packCodes(codes, [rows, columns], bits)),
    scales: f32(
      [rows, groups],
      Array.from({ length: rows * groups }, (_, i) => 0.1 + i / 100),
    ),
    zeroPoints: u8(
      [rows, groups],
      Uint8Array.from({ length: rows * groups }, (_, i) => i % 2 ** bits),
    ),
  });
}

/** Its parts in memory. */
async function held({ shape, descriptor, parts }: StoredWeight): Promise<Parameters<typeof affineOf>[0]> {
  const { bits, groupSize } = descriptor as { bits: number; groupSize: number };
  const [codes, scales, zeroPoints] = await Promise.all([parts["codes"]!.read(), parts["scales"]!.read(), parts["zeroPoints"]!.read()]);
  return { shape, bits, groupSize, codes, scales, zeroPoints };
}

describe("affine storage", () => {
  it("packs and unpacks codes of every width", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 19 }),
        fc.infiniteStream(fc.nat(255)),
        (bits, rows, columns, stream) => {
          const codes = Uint8Array.from({ length: rows * columns }, () => stream.next().value! % 2 ** bits);
          const packed = packCodes(codes, [rows, columns], bits);
          expect(packed.length).toBe(rows * packedRowBytes(columns, bits));
          expect(unpackCodes(packed, [rows, columns], bits)).toEqual(codes);
        },
      ),
    );
  });

  it.each([2, 3, 4, 5, 6, 7, 8])("runs %i-bit weights as the numbers they stand for, without making them dense", async (bits) => {
    for (const groupSize of [7, 4]) {
      const stored = sample(bits, groupSize);
      const x = f32(
        [2, 7],
        Array.from({ length: 14 }, (_, i) => Math.sin(i)),
      );
      const graph = trace((t) => ({ y: linear(t.input("x", "f32", [2, 7]), t.weight("w", [5, 7])) }));
      const run = async (weight: StoredWeight, choices: string[]): Promise<Float32Array> => {
        const store = createStore(openReference(), { weights: new Map([["w", weight]]) });
        const { y } = await compile(graph, { store, onChoice: ({ chosen }) => choices.push(chosen) }).run({ x });
        return y!.data as Float32Array;
      };
      const choices: string[] = [];
      const found = await run(stored, choices);
      const expected = await run(denseOf(await stored.dense()), choices);
      expect(choices).toEqual(["linear-affine"]);
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    }
  });

  it.each([2, 4, 8])("counts what is not 0 of %i-bit codes as its numbers do", async (bits) => {
    const shared = affineOf({
      shape: [5, 7],
      bits,
      groupSize: 7,
      codes: u8(
        [5, packedRowBytes(7, bits)],
        packCodes(
          Uint8Array.from({ length: 35 }, (_, i) => (i * 3) % 2 ** bits),
          [5, 7],
          bits,
        ),
      ),
      scales: f32([1, 1], [0.5]),
    });
    const none = affineOf({ ...(await held(sample(bits, 4))), scales: f32([5, 2], [0, 1, 0, 1, 1, 1, 1, 1, 1, 0]) });
    for (const stored of [sample(bits, 4), sample(bits, 7), shared, none]) {
      const numbers = (await stored.dense()).data as Float32Array;
      expect(await stored.kept!()).toBe(numbers.filter((value) => value !== 0).length);
    }
  });

  it("loads again from its parts and descriptor, and refuses parts that contradict it", async () => {
    const stored = sample(4, 4);
    const again = affineStorage.define.load("w", JSON.parse(JSON.stringify(stored.descriptor)) as Record<string, unknown>, stored.parts);
    expect(await again.dense()).toEqual(await stored.dense());
    const refused = (descriptor: object, parts: object): void =>
      expect(() => affineStorage.define.load("w", { ...stored.descriptor, ...descriptor }, { ...stored.parts, ...parts })).toThrowError(
        /tensor-core\/storage-invalid/,
      );
    refused({ bits: 9 }, {});
    refused({ bits: 8 }, {});
    refused({ groupSize: 0 }, {});
    refused({ shape: [5, 8.5] }, {});
    refused({}, { scales: undefined });
    refused({}, { zeroPoints: stored.parts["codes"] });
  });
});
