/** How a stored weight runs: chosen once shapes are known, densified before it falls back, never silently on the reference. */
import { describe, expect, it } from "vitest";
import {
  affineOf,
  compile,
  createStore,
  dim,
  f32,
  linear,
  openReference,
  roundActivations,
  trace,
  type ChoiceEvent,
  type Chooser,
  type CompileOptions,
  type Device,
  type HostTensor,
  type ProgramStep,
} from "../index.ts";

const weight = affineOf({
  shape: [2, 3],
  bits: 8,
  groupSize: 3,
  codes: { dtype: "u8", shape: [2, 3], data: Uint8Array.of(130, 127, 128, 129, 128, 126) },
  scales: f32([2, 1], [0.5, 0.25]),
});
const graph = trace((t) => ({ y: linear(t.input("x", "f32", [dim("batch"), 3]), t.weight("w", [2, 3])) }));
const x = f32([2, 3], [1, 2, 3, 4, 5, 6]);
const expected = [0, -1.25, 1.5, -2];

/** Runs the graph on a device without kernels for `missing`; gives the result and the ops that were prepared. */
async function run(missing: readonly string[], options: Partial<CompileOptions> = {}): Promise<{ y: HostTensor; ops: readonly string[] }> {
  const ops: string[] = [];
  const reference = openReference();
  const device: Device = {
    ...reference,
    supports: (op) => !missing.includes(op),
    prepare: (steps: readonly ProgramStep[]) => (ops.push(...steps.map(({ op }) => op.name)), reference.prepare(steps)),
  };
  const { y } = await compile(graph, { store: createStore(device, { weights: new Map([["w", weight]]) }), ...options }).run({ x });
  return { y: y!, ops };
}

describe("a stored weight", () => {
  it("runs by the chooser's candidate, which is asked once shapes are numbers, and the choice is told with its reason", async () => {
    const asked: unknown[] = [];
    const told: ChoiceEvent[] = [];
    const chooser: Chooser = async ({ weight: name, use, rows, candidates }) => {
      asked.push([name, use, rows, candidates.map((candidate) => [candidate.name, candidate.approximate])]);
      return { candidate: candidates[0], why: "the first one" };
    };
    const { y, ops } = await run([], { chooser, onChoice: (event) => told.push(event) });
    expect(asked).toEqual([
      [
        "w",
        "linear",
        2,
        [
          ["linear-affine", false],
          ["linear-affine-int8", true],
        ],
      ],
    ]);
    expect(told).toEqual([{ what: "w linear", chosen: "linear-affine", why: "the first one" }]);
    expect(ops).toEqual(["linear-affine"]);
    expect([...(y.data as Float32Array)]).toEqual(expected);
  });

  it("runs dense where the chooser takes no candidate, to the same numbers", async () => {
    const told: ChoiceEvent[] = [];
    const chooser: Chooser = async () => ({ candidate: undefined, why: "dense is faster" });
    const { y, ops } = await run([], { chooser, onChoice: (event) => told.push(event) });
    expect(told).toEqual([{ what: "w linear", chosen: "dense", why: "dense is faster" }]);
    expect(ops).toEqual(["linear"]);
    expect([...(y.data as Float32Array)]).toEqual(expected);
  });

  it("runs over rounded activations only where that is asked for, near to the same numbers", async () => {
    const { y, ops } = await run([], { chooser: roundActivations() });
    expect(ops).toEqual(["linear-affine-int8"]);
    const errors = expected.map((value, i) => Math.abs(value - (y.data as Float32Array)[i]!));
    expect(Math.max(...errors)).toBeLessThan(0.05);
    expect(Math.max(...errors)).toBeGreaterThan(0);
    expect((await run(["linear-affine-int8"], { chooser: roundActivations() })).ops).toEqual(["linear-affine"]);
  });

  it("is made dense before it falls back to the reference", async () => {
    const fallbacks: string[] = [];
    const { y, ops } = await run(["linear-affine"], { onFallback: (op) => fallbacks.push(op) });
    expect([ops, fallbacks]).toEqual([["linear"], []]);
    expect([...(y.data as Float32Array)]).toEqual(expected);
  });
});

describe("an op without a kernel", () => {
  const missing = ["linear-affine", "linear"];

  it("is refused by its name where nobody listens for fallbacks", async () => {
    await expect(run(missing)).rejects.toMatchObject({ code: "tensor-core/kernel-missing", report: { field: "linear" } });
  });

  it("runs on the reference and says so where somebody does", async () => {
    const fallbacks: string[] = [];
    const { y } = await run(missing, { onFallback: (op) => fallbacks.push(op) });
    expect(fallbacks).toEqual(["linear"]);
    expect([...(y.data as Float32Array)]).toEqual(expected);
  });
});
