import { describe, expect, it } from "vitest";
import { denseOf, deviceMemoryExceeded, f32, openReference, uniform, type Choice, type Device, type StoredWeight } from "@pare/tensor-core";
import { measuredChooser, parseTimings, type Timing } from "./chooser.ts";
import { toBlock } from "./storage/block.ts";
import { toCsr } from "./storage/csr.ts";

const device = openReference();

function half(out = 8, features = 8, seed = 1): StoredWeight {
  return toCsr(
    f32(
      [out, features],
      uniform(seed, 0, out * features).map((value) => (value < 0.5 ? 0 : value)),
    ),
  );
}

function choiceOf(stored: StoredWeight, rows = 4): Choice {
  return { weight: "w", stored, use: "linear", rows, candidates: stored.candidates("linear") };
}

describe("measuredChooser", () => {
  it.each([
    [{ sparse: 1, dense: 2 }, "sparse-csr-linear"],
    [{ sparse: 2, dense: 1 }, undefined],
    [{ sparse: 2, dense: 2 }, undefined],
    [{ sparse: 2, dense: Infinity }, "sparse-csr-linear"],
  ])("takes the faster of known timings %j and says both", async (timing, chosen) => {
    const cache = { get: () => timing, set: () => expect.unreachable("nothing is to be measured") as never };
    const { candidate, why } = await measuredChooser({ device, cache })(choiceOf(half()));
    expect(candidate?.name).toBe(chosen);
    expect(why).toMatch(/^2\.00 ms|^1\.00 ms/);
    expect(why).toContain(timing.dense === Infinity ? "too large dense" : `${timing.dense}.00 ms dense`);
  });

  it("measures once per kind of layer, and keeps what it measured", async () => {
    const cache = new Map<string, Timing>();
    const choose = measuredChooser({ device, cache });
    const both = await Promise.all([choose(choiceOf(half())), choose(choiceOf(half(8, 8, 2)))]);
    expect([...cache.keys()]).toEqual([`reference ${device.variant} sparse-csr-linear 8x8 rows 4 density 0.50`]);
    const [{ sparse, dense }] = [...cache.values()] as [Timing];
    expect(Math.min(sparse, dense)).toBeGreaterThan(0);
    for (const { candidate } of both) expect(candidate?.name).toBe(sparse < dense ? "sparse-csr-linear" : undefined);
    await choose(choiceOf(half(), 5));
    expect(cache.size).toBe(1);
    await choose(choiceOf(half(), 32));
    await choose(choiceOf(half(8, 12)));
    await choose(choiceOf(toBlock(f32([8, 8], new Float32Array(64).fill(1)), { rows: 4 })));
    expect(cache.size).toBe(4);
  });

  it("runs sparse what is too large dense", async () => {
    const small: Device = {
      ...device,
      allocate: (bytes) => {
        if (bytes > 20_000) throw deviceMemoryExceeded({ device: "small", asked: bytes, limit: 20_000 });
        return device.allocate(bytes);
      },
    };
    const diagonal = f32(
      [100, 100],
      Array.from({ length: 10_000 }, (_, i) => Number(i % 101 === 0)),
    );
    const { candidate, why } = await measuredChooser({ device: small })(choiceOf(toCsr(diagonal)));
    expect(candidate?.name).toBe("sparse-csr-linear");
    expect(why).toContain("too large dense");
  });

  it("leaves other weights to the other chooser", async () => {
    const choose = measuredChooser({ device, otherwise: () => Promise.resolve({ candidate: undefined, why: "asked" }) });
    expect(await choose(choiceOf(denseOf(f32([2, 2]))))).toEqual({ candidate: undefined, why: "asked" });
    expect(await choose({ ...choiceOf(half()), candidates: [] })).toEqual({ candidate: undefined, why: "asked" });
  });
});

describe("parseTimings", () => {
  it("reads what a cache writes", () => {
    const cache = new Map<string, Timing>([
      ["a", { sparse: 1, dense: 2 }],
      ["b", { sparse: 3, dense: Infinity }],
    ]);
    expect(parseTimings(JSON.parse(JSON.stringify(Object.fromEntries(cache))))).toEqual(cache);
  });

  it.each([
    [null],
    [[]],
    ["fast"],
    [{ a: 1 }],
    [{ a: null }],
    [{ a: { sparse: 1 } }],
    [{ a: { sparse: "1", dense: 2 } }],
    [{ a: { sparse: -1, dense: 2 } }],
  ])("refuses %j", (json) => {
    expect(() => parseTimings(json)).toThrow(expect.objectContaining({ code: "sparse-kernels/timings-invalid" }));
  });
});
