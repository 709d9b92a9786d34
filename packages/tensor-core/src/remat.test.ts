import { describe, expect, it } from "vitest";
import {
  compile,
  createStore,
  f32,
  gelu,
  gradients,
  linear,
  mul,
  openReference,
  randomUniform,
  remat,
  greater,
  sum,
  tanh,
  trace,
  uniform,
  type ProgramStep,
  type Tracer,
  type Value,
} from "./index.ts";

const WIDTH = 16;
const LAYERS = 6;

/** Layers with noise of their own, each wrapped by `wrap`. */
function graphOf(wrap: (layer: (x: Value) => Value) => (x: Value) => Value) {
  return trace((tracer) => {
    const weights = Array.from({ length: LAYERS }, (_, i) => tracer.input(`w${i}`, "f32", [WIDTH, WIDTH]));
    let x = tracer.input("x", "f32", [64, WIDTH]);
    weights.forEach((weight, layer) => (x = wrap((value) => layerOf(tracer, value, weight, layer))(x)));
    const loss = sum(mul(x, x), [0, 1]);
    const slopes = gradients(loss, weights);
    return { loss, ...Object.fromEntries(slopes.map((slope, i) => [`w${i}`, slope])) };
  });
}

function layerOf(tracer: Tracer, x: Value, weight: Value, layer: number): Value {
  const inner = tanh(gelu(mul(linear(x, weight), 0.5)));
  const noise = randomUniform(tracer.input("key", "i32", [2]), inner.shape, layer);
  return mul(inner, greater(noise, 0.1));
}

const inputs = {
  x: f32([64, WIDTH], uniform(1, 0, 64 * WIDTH)),
  key: { dtype: "i32" as const, shape: [2], data: Int32Array.of(3, 4) },
  ...Object.fromEntries(Array.from({ length: LAYERS }, (_, i) => [`w${i}`, f32([WIDTH, WIDTH], uniform(2, i, WIDTH * WIDTH))])),
};

async function measured(graph: ReturnType<typeof graphOf>) {
  const names: string[] = [];
  const device = openReference();
  const watched = {
    ...device,
    prepare: (steps: readonly ProgramStep[]) => (names.push(...steps.map(({ op }) => op.name)), device.prepare(steps)),
  };
  const compiled = compile(graph, { store: createStore(watched) });
  const outputs = await compiled.run(inputs);
  const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
  return { outputs, names, arena: await compiled.prepare(shapes) };
}

describe("remat", () => {
  it("gives the same gradients from less memory, random numbers repeated", async () => {
    const kept = await measured(graphOf((layer) => layer));
    const anew = await measured(graphOf((layer) => remat(layer)));
    expect(anew.outputs).toEqual(kept.outputs);
    expect(anew.arena).toBeLessThan(0.6 * kept.arena);
    const count = (names: readonly string[], op: string): number => names.filter((name) => name === op).length;
    expect(count(kept.names, "random-uniform")).toBe(LAYERS);
    expect(count(anew.names, "tanh")).toBeGreaterThan(count(kept.names, "tanh"));
    expect(count(anew.names, "linear")).toBe(2 * LAYERS);
  });

  it("marks regions between sites as well, and takes one within another as part of it", async () => {
    const body = (tracer: Tracer): Record<string, Value> => {
      let x = tracer.site("begin", tracer.input("x", "f32", [64, WIDTH]));
      const weight = tracer.input("w0", "f32", [WIDTH, WIDTH]);
      for (const name of ["a", "b"]) x = tracer.site(name, remat((value: Value) => tanh(gelu(linear(value, weight))))(tanh(x)));
      return { slope: gradients(sum(x, [0, 1]), [weight])[0]! };
    };
    const run = async (remat: readonly string[][]) => {
      const compiled = compile(trace(body, { remat }), { store: createStore(openReference()) });
      const given = { x: inputs.x, w0: (inputs as Record<string, typeof inputs.x>)["w0"]! };
      return { outputs: await compiled.run(given), arena: await compiled.prepare({ x: [64, WIDTH], w0: [WIDTH, WIDTH] }) };
    };
    const [none, sites] = [await run([]), await run([["begin", "a", "b"]])];
    expect(sites.outputs).toEqual(none.outputs);
    expect(sites.arena).toBeLessThanOrEqual(none.arena);
    expect(() => trace(body, { remat: [["begin", "c"]] })).toThrowError(expect.objectContaining({ code: "tensor-core/site-unknown" }));
  });
});
