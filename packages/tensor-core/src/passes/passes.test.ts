import { describe, expect, it } from "vitest";
import {
  compile,
  createStore,
  f32,
  linear,
  openReference,
  trace,
  add,
  mul,
  affineOf,
  packCodes,
  silu,
  type Graph,
  type HostTensor,
} from "../index.ts";
import { fuse } from "./fuse.ts";

const names = (graph: Graph): string[] => graph.nodes.flatMap((node) => (node.kind === "op" ? [node.op.name] : []));

describe("fuse", () => {
  const inputs = { x: f32([2, 3], [1, -2, 3, 4, 5, -6]), r: f32([2, 2], [1, 2, 3, 4]) };
  const weight = f32([2, 3], [0.1, 0.2, 0.3, -0.4, 0.5, 0.6]);
  const run = async (graph: Graph): Promise<Record<string, HostTensor>> =>
    compile(graph, { store: createStore(openReference()) }).run(inputs);

  it("moves activation and residual into the linear before them", async () => {
    const graph = trace((t) => {
      const x = t.input("x", "f32", [2, 3]);
      return { y: add(t.input("r", "f32", [2, 2]), silu(linear(x, t.constant(weight)))) };
    });
    expect(names(fuse(graph))).toEqual(["linear"]);
    const plain = trace((t) => {
      const y = silu(linear(t.input("x", "f32", [2, 3]), t.constant(weight)));
      return { y: add(t.input("r", "f32", [2, 2]), y), kept: y };
    });
    const expected = (await run(plain))["y"]!.data;
    (await run(graph))["y"]!.data.forEach((value, i) => expect(value).toBeCloseTo(Number(expected[i]), 6));
  });

  it("leaves a value alone that somebody else reads, and a sum that broadcasts", () => {
    const graph = trace((t) => {
      const y = linear(t.input("x", "f32", [2, 3]), t.constant(weight));
      return { a: silu(y), b: mul(y, 2), c: add(linear(t.input("x", "f32", [2, 3]), t.constant(weight)), t.constant(1)) };
    });
    expect(names(fuse(graph))).toEqual(["linear", "silu", "mul", "linear", "add"]);
  });

  it("fuses into the kernel of a stored weight as well", async () => {
    const codes = Uint8Array.from([8, 9, 7, 3, 2, 1]);
    const stored = affineOf({
      shape: [2, 3],
      bits: 8,
      groupSize: 3,
      codes: { dtype: "u8", shape: [2, 3], data: packCodes(codes, [2, 3], 8) },
      scales: f32([2, 1], [0.5, 0.25]),
    });
    const device = openReference();
    const steps: string[] = [];
    const watched = {
      ...device,
      prepare: (program: Parameters<typeof device.prepare>[0]) => (
        steps.push(...program.map(({ op }) => op.name)),
        device.prepare(program)
      ),
    };
    const graph = trace((t) => ({ y: add(linear(t.input("x", "f32", [2, 3]), t.weight("w", [2, 3])), t.input("r", "f32", [2, 2])) }));
    await compile(graph, { store: createStore(watched, { weights: new Map([["w", stored]]) }) }).run(inputs);
    expect(steps).toEqual(["linear-affine"]);
  });
});
