import { describe, expect, it } from "vitest";
import {
  compile,
  createStore,
  cut,
  dim,
  eager,
  f32,
  gradients,
  mulDims,
  openReference,
  reshape,
  sitesOf,
  sum,
  trace,
  add,
  addOp,
  mul,
  apply,
  defineOp,
  siluMul,
  type DeviceBuffer,
  type HostTensor,
  type ProgramStep,
  type TensorType,
  type Tracer,
  type Value,
} from "./index.ts";

const allOf = (value: Value): Value =>
  sum(
    value,
    value.shape.map((_, axis) => axis),
  );

describe("compile", () => {
  it("binds named dimensions from the inputs, once per binding", async () => {
    const graph = trace((t) => {
      const x = t.input("x", "f32", [dim("batch"), 3]);
      return { y: add(mul(x, x), 1), flat: reshape(x, [mulDims(dim("batch"), 3)]) };
    });
    const run = compile(graph, { store: createStore(openReference()) });
    expect((await run.run({ x: f32([1, 3], [1, 2, 3]) }))["y"]).toEqual(f32([1, 3], [2, 5, 10]));
    const two = await run.run({ x: f32([2, 3], [1, 2, 3, 4, 5, 6]) });
    expect(two["y"]!.data).toEqual(Float32Array.of(2, 5, 10, 17, 26, 37));
    expect(two["flat"]!.shape).toEqual([6]);
  });

  it("refuses a missing input, a wrong shape and an unknown output by code", async () => {
    const graph = trace((t) => ({ y: add(t.input("x", "f32", [2]), 1) }));
    const run = compile(graph, { store: createStore(openReference()) });
    await expect(run.run({ z: f32([2]) })).rejects.toMatchObject({ code: "tensor-core/input-missing" });
    await expect(run.run({ x: f32([3]) })).rejects.toMatchObject({ code: "tensor-core/shape-mismatch" });
    await expect(run.run({ x: f32([2]) }, { read: ["q"] })).rejects.toMatchObject({ code: "tensor-core/input-missing" });
  });

  it("keeps State across runs and executables, and shows the new value", async () => {
    const store = createStore(openReference());
    store.setState("total", f32([2], [10, 20]));
    const graph = trace((t) => {
      const total = t.state("total", "f32", [2]);
      const next = add(total, t.input("x", "f32", [2]));
      t.assign(total, next);
      return { next };
    });
    const run = compile(graph, { store });
    await run.run({ x: f32([2], [1, 2]) });
    expect((await run.run({ x: f32([2], [1, 2]) }))["next"]!.data).toEqual(Float32Array.of(12, 24));
    expect((await store.readState("total")).data).toEqual(Float32Array.of(12, 24));
    store.setState("total", f32([2], [0, 0]));
    expect((await run.run({ x: f32([2], [5, 5]) }))["next"]!.data).toEqual(Float32Array.of(5, 5));
  });

  it("never lets a value that is still needed be overwritten", async () => {
    const graph = trace((t) => {
      const x = t.input("x", "f32", [4]);
      const a = mul(x, 2);
      const view = reshape(a, [2, 2]);
      const b = add(a, 1);
      const c = mul(b, b);
      return { c, late: add(reshape(view, [4]), c), kept: view };
    });
    const out = await compile(graph, { store: createStore(openReference()) }).run({ x: f32([4], [1, 2, 3, 4]) });
    expect(out["c"]!.data).toEqual(Float32Array.of(9, 25, 49, 81));
    expect(out["late"]!.data).toEqual(Float32Array.of(11, 29, 55, 89));
    expect(out["kept"]!.data).toEqual(Float32Array.of(2, 4, 6, 8));
  });

  it("shares what is computed twice and computes constants once", async () => {
    const counted: string[] = [];
    const device = openReference();
    const store = createStore({ ...device, prepare: (steps) => (counted.push(...steps.map(({ op }) => op.name)), device.prepare(steps)) });
    const graph = trace((t) => {
      const x = t.input("x", "f32", [2]);
      return { y: mul(add(x, 1), add(x, 1)), k: mul(t.constant(3), 4) };
    });
    const out = await compile(graph, { store }).run({ x: f32([2], [1, 2]) });
    expect(out["k"]!.data).toEqual(Float32Array.of(12));
    expect(counted).toEqual(["add", "mul"]);
  });

  it("tells apart ops whose attributes JSON cannot", async () => {
    const fill = defineOp({
      name: "test-fill",
      inputs: ["x"],
      outputs: ["y"],
      infer: ({ x }: { x: TensorType }, _attrs: { readonly with: number }) => ({ y: { dtype: x.dtype, shape: x.shape } }),
      reference: ({ x }: { x: HostTensor }, attrs) => ({
        y: f32(
          x.shape,
          Array.from(x.data as Float32Array, () => attrs.with),
        ),
      }),
      cases: () => [],
    });
    const fills = [Infinity, -Infinity, 0, -0];
    const graph = trace((t) => {
      const x = t.input("x", "f32", [1]);
      return Object.fromEntries(fills.map((value, i) => [`y${i}`, apply(fill, { x }, { with: value }).y]));
    });
    const out = await compile(graph, { store: createStore(openReference()) }).run({ x: f32([1]) });
    expect(fills.map((_, i) => out[`y${i}`]!.data[0])).toEqual(fills);
  });

  it("keeps as many programs as it is told, and an evicted one is made again", async () => {
    const device = openReference();
    let prepared = 0;
    const counting = { ...device, prepare: (steps: readonly ProgramStep[]) => (prepared++, device.prepare(steps)) };
    const graph = trace((t) => ({ y: add(t.input("x", "f32", [dim("n")]), 1) }));
    const compiled = compile(graph, { store: createStore(counting), maxBindings: 2 });
    for (const n of [1, 2, 1, 3, 1, 2]) {
      const x = f32(
        [n],
        Array.from({ length: n }, (_, i) => i),
      );
      expect(Array.from((await compiled.run({ x }))["y"]!.data as Float32Array)).toEqual(Array.from({ length: n }, (_, i) => i + 1));
    }
    expect(prepared).toBe(4);
  });

  it("lets a program that is evicted while it waits for its turn still run", async () => {
    const device = openReference();
    const scrambling = { ...device, free: (buffer: DeviceBuffer) => ((buffer.handle as Uint8Array).fill(0xff), device.free(buffer)) };
    const graph = trace((t) => ({ y: mul(t.input("x", "f32", [dim("n"), 2]), t.constant(f32([2], [2, 3]))) }));
    const compiled = compile(graph, { store: createStore(scrambling), maxBindings: 1 });
    const run = async (n: number): Promise<unknown> => (await compiled.run({ x: f32([n, 2], new Float32Array(2 * n).fill(1)) }))["y"]!.data;
    const [one, two, three] = await Promise.all([run(1), run(2), run(3)]);
    expect(one).toEqual(Float32Array.of(2, 3));
    expect(two).toEqual(Float32Array.of(2, 3, 2, 3));
    expect(three).toEqual(Float32Array.of(2, 3, 2, 3, 2, 3));
  });
});

it("gives the event loop turns between runs that follow one another, so that Ctrl-C is heard", async () => {
  const run = compile(
    trace((t) => ({ y: add(t.input("x", "f32", [1]), 1) })),
    { store: createStore(openReference()) },
  );
  const ear = { heard: false };
  setTimeout(() => (ear.heard = true), 0);
  const begin = performance.now();
  while (!ear.heard && performance.now() - begin < 10_000) await run.run({ x: f32([1]) });
  expect(ear.heard).toBe(true);
});

describe("gradients", () => {
  it("differentiates through broadcasting and reuse", async () => {
    const graph = trace((t) => {
      const w = t.input("w", "f32", [1, 2]);
      const x = t.input("x", "f32", [3, 2]);
      const unused = t.input("unused", "f32", [2]);
      const [dw, dx, none] = gradients(allOf(mul(mul(x, w), x)), [w, x, unused]);
      return { dw: dw!, dx: dx!, none: none! };
    });
    const out = await compile(graph, { store: createStore(openReference()) }).run({
      w: f32([1, 2], [2, 3]),
      x: f32([3, 2], [1, 2, 3, 4, 5, 6]),
      unused: f32([2]),
    });
    expect(out["dw"]!.data).toEqual(Float32Array.of(1 + 9 + 25, 4 + 16 + 36));
    expect(out["dx"]!.data).toEqual(Float32Array.of(4, 12, 12, 24, 20, 36));
    expect(out["none"]!.data).toEqual(Float32Array.of(0, 0));
  });

  it("refuses an op that has none, and a loss that is no scalar", () => {
    const slope = (loss: (x: Value) => Value) => () =>
      trace((t) => {
        const x = t.input("x", "f32", [2]);
        return { dx: gradients(loss(x), [x])[0]! };
      });
    const slopeOfSlope = (x: Value): Value => sum(gradients(sum(siluMul(x, x), [0]), [x])[0]!, [0]);
    expect(slope(slopeOfSlope)).toThrow(expect.objectContaining({ code: "tensor-core/gradient-missing" }));
    expect(slope((x) => mul(x, 2))).toThrow(expect.objectContaining({ code: "tensor-core/shape-mismatch" }));
  });
});

describe("sites", () => {
  const model = (t: Tracer): Record<string, Value> => {
    const x = t.site("first", mul(t.input("x", "f32", [dim("batch"), 2]), 2), [1]);
    return { y: t.site("second", add(x, 1)) };
  };
  const run = (
    graph: ReturnType<typeof trace>,
    inputs: Parameters<ReturnType<typeof compile>["run"]>[0],
  ): Promise<Record<string, { data: unknown }>> => compile(graph, { store: createStore(openReference()) }).run(inputs);
  const x = f32([1, 2], [1, 2]);

  it("leave no node when nobody asks", () => {
    expect(sitesOf(model)).toEqual(["first", "second"]);
    expect(trace(model).nodes.length).toBe(5);
  });

  it("give a tap, a gate, a transform and a cut", async () => {
    expect((await run(trace(model, { sites: { first: { tap: "seen" } } }), { x }))["seen"]!.data).toEqual(Float32Array.of(2, 4));
    const gated = trace(model, { sites: { first: { gate: { input: "gate" } } } });
    expect((await run(gated, { x, gate: f32([2], [0, 1]) }))["y"]!.data).toEqual(Float32Array.of(1, 5));
    const each = trace(model, { sites: { first: { gate: { input: "gate", perExample: true } } } });
    expect((await run(each, { x, gate: f32([1, 2], [1, 0]) }))["y"]!.data).toEqual(Float32Array.of(3, 1));
    const changed = trace(model, { sites: { first: { transform: (value) => mul(value, 10) } } });
    expect((await run(changed, { x }))["y"]!.data).toEqual(Float32Array.of(21, 41));
    const block = trace(model, { sites: cut("first", "second") });
    expect(
      (await run({ ...block, outputs: { second: block.outputs["second"]! } }, { first: f32([1, 2], [7, 8]) }))["second"]!.data,
    ).toEqual(Float32Array.of(8, 9));
  });

  it("refuse a name the function does not pass", () => {
    expect(() => trace(model, { sites: { frist: { tap: "seen" } } })).toThrow(
      expect.objectContaining({ code: "tensor-core/site-unknown", report: expect.objectContaining({ near: ["first"] }) }),
    );
  });

  it("refuse a tap under the name of another output, and of a site that is passed twice", () => {
    const repeated = expect.objectContaining({ code: "tensor-core/output-repeated" });
    expect(() => trace(model, { sites: { first: { tap: "y" } } })).toThrow(repeated);
    const twice = (t: Tracer): Record<string, Value> => ({ y: t.site("s", mul(t.site("s", t.input("x", "f32", [1])), 2)) });
    expect(() => trace(twice, { sites: { s: { tap: "seen" } } })).toThrow(repeated);
    expect(Object.keys(trace(model, { sites: { second: { tap: "y" } } }).outputs)).toEqual(["y"]);
  });

  it("accumulate a reduction in State over runs", async () => {
    const store = createStore(openReference());
    store.createState("norms", "f32", [2]);
    const graph = trace(model, {
      sites: {
        first: {
          reduce: (value, t) => {
            const norms = t.state("norms", "f32", [2]);
            t.assign(norms, add(norms, sum(mul(value, value), [0])));
          },
        },
      },
    });
    const compiled = compile(graph, { store });
    await compiled.run({ x });
    await compiled.run({ x });
    expect((await store.readState("norms")).data).toEqual(Float32Array.of(8, 32));
  });
});

describe("eager", () => {
  it("runs one op and gives its result", async () => {
    const { call } = eager(openReference());
    expect((await call(addOp, { a: f32([2], [1, 2]), b: f32([], [1]) }, {})).y.data).toEqual(Float32Array.of(2, 3));
  });
});
