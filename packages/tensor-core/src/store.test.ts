import { describe, expect, it } from "vitest";
import { compile } from "./compile.ts";
import { gradients } from "./gradients.ts";
import { f32, i32, type HostTensor } from "./host.ts";
import { add, mul } from "./ops/binary.ts";
import { sum } from "./ops/broadcast.ts";
import { cacheWrite } from "./ops/cache-write.ts";
import { openReference } from "./reference/device.ts";
import { createStore, type Store } from "./store.ts";
import { trace, type Tracer } from "./trace.ts";
import type { Value } from "./graph.ts";

const misused = { code: "tensor-core/state-misused" };
const shape = [1, 2, 1, 1];
const cache = (t: Tracer): Value => t.state("cache", "f32", shape);
const write = (t: Tracer): Value => cacheWrite(cache(t), t.input("rows", "f32", [1, 1, 1, 1]), t.input("starts", "i32", [1]));
const inputs = { rows: f32([1, 1, 1, 1], [7]), starts: i32([1], [1]) };

function storeWith(value: HostTensor): Store {
  const store = createStore(openReference());
  store.setState("cache", value);
  return store;
}

describe("a State", () => {
  it("that an op overwrites must be the one that the result is assigned to", async () => {
    const kept = trace((t) => ({ y: write(t) }));
    await expect(compile(kept, { store: storeWith(f32(shape)) }).run(inputs)).rejects.toMatchObject(misused);
    const input = trace((t) => ({
      y: cacheWrite(t.input("x", "f32", shape), t.input("rows", "f32", [1, 1, 1, 1]), t.input("starts", "i32", [1])),
    }));
    await expect(compile(input, { store: storeWith(f32(shape)) }).run({ ...inputs, x: f32(shape) })).rejects.toMatchObject(misused);
  });

  it("cannot be read as it was once it is overwritten, and can before", async () => {
    const late = trace((t) => {
      const written = write(t);
      t.assign(cache(t), written);
      return { y: add(cache(t), written) };
    });
    await expect(compile(late, { store: storeWith(f32(shape)) }).run(inputs)).rejects.toMatchObject(misused);
    const early = trace((t) => {
      const before = mul(cache(t), 2);
      t.assign(cache(t), write(t));
      return { before };
    });
    const store = storeWith(f32(shape, [1, 2]));
    expect((await compile(early, { store }).run(inputs))["before"]!.data).toEqual(Float32Array.of(2, 4));
    expect((await store.readState("cache")).data).toEqual(Float32Array.of(1, 7));
  });

  it("is updated once a run, by a value of its own type, and nothing else is assigned", () => {
    expect(() => trace((t) => (t.assign(cache(t), write(t)), t.assign(cache(t), write(t)), {}))).toThrow(expect.objectContaining(misused));
    expect(() => trace((t) => (t.assign(cache(t), sum(cache(t), [0])), {}))).toThrow(
      expect.objectContaining({ code: "tensor-core/shape-mismatch" }),
    );
    expect(() => trace((t) => (t.assign(t.input("x", "f32", shape), cache(t)), {}))).toThrow(expect.objectContaining(misused));
  });

  it("has no gradient through its update", () => {
    const through = (): unknown =>
      trace((t) => {
        const rows = t.input("rows", "f32", [1, 1, 1, 1]);
        const written = cacheWrite(cache(t), rows, t.input("starts", "i32", [1]));
        return { slope: gradients(sum(written, [0, 1, 2, 3]), [rows])[0]! };
      });
    expect(through).toThrow(expect.objectContaining(misused));
  });

  it("must be created before a program runs, and is named with those that were", async () => {
    const graph = trace((t) => (t.assign(cache(t), write(t)), {}));
    const store = createStore(openReference());
    store.createState("cashe", "f32", shape);
    await expect(compile(graph, { store }).run(inputs)).rejects.toMatchObject({
      ...misused,
      report: { field: "cache", message: expect.stringContaining("cashe") },
    });
  });
});

it("a weight that the store was not given is named with near ones", async () => {
  const graph = trace((t) => ({ y: add(t.weight("wieght", [1]), 1) }));
  const store = createStore(openReference(), { weights: new Map([["weight", undefined as never]]) });
  await expect(compile(graph, { store }).run()).rejects.toMatchObject({ code: "tensor-core/weight-unknown", report: { near: ["weight"] } });
});
