/** Whatever the passes and the planner do, a program must compute what its graph says. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  add,
  compile,
  createStore,
  f32,
  linear,
  matmul,
  mul,
  openReference,
  relu,
  reshape,
  rmsNorm,
  sub,
  sum,
  trace,
  transpose,
  type Graph,
  type Value,
} from "./index.ts";
import { fuse } from "./passes/fuse.ts";
import { planMemory } from "./plan.ts";
import { evaluate } from "./reference/evaluate.ts";

/** Each instruction picks an op and two operands among the 3×3 values made so far. */
interface Program {
  readonly instructions: readonly { readonly op: number; readonly a: number; readonly b: number }[];
  readonly outputs: readonly number[];
  readonly updates: readonly number[];
}

const nat = fc.nat(1000);
const programs: fc.Arbitrary<Program> = fc.record({
  instructions: fc.array(fc.record({ op: nat, a: nat, b: nat }), { minLength: 1, maxLength: 25 }),
  outputs: fc.array(nat, { minLength: 1, maxLength: 3 }),
  updates: fc.array(nat, { maxLength: 2 }),
});

const OPS: readonly ((a: Value, b: Value) => Value)[] = [
  (a, b) => add(a, b),
  (a, b) => sub(a, b),
  (a, b) => mul(mul(a, 0.5), b),
  (a) => relu(a),
  (a) => transpose(a, [1, 0]),
  (a) => reshape(reshape(a, [9]), [3, 3]),
  (a, b) => matmul(mul(a, 0.3), b),
  (a, b) => add(a, sum(b, [0], true)),
  (a) => add(a, 1),
];

function graphOf({ instructions, outputs, updates }: Program): Graph {
  return trace((t) => {
    const states = [t.state("s0", "f32", [3, 3]), t.state("s1", "f32", [3, 3])];
    const values: Value[] = [t.input("x", "f32", [3, 3]), ...states];
    for (const { op, a, b } of instructions) values.push(OPS[op % OPS.length]!(values[a % values.length]!, values[b % values.length]!));
    updates.forEach((index, state) => t.assign(states[state]!, values[index % values.length]!));
    return Object.fromEntries(outputs.map((index, i) => [`y${i}`, values[index % values.length]!]));
  });
}

const tensor = (shift: number) =>
  f32(
    [3, 3],
    Array.from({ length: 9 }, (_, i) => Math.sin(i * 1.7 + shift)),
  );

describe("a compiled program", () => {
  it("computes what its graph says, run after run, whatever is shared, folded, fused or overwritten", async () => {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const graph = graphOf(program);
        const store = createStore(openReference());
        let states = { s0: tensor(1), s1: tensor(2) };
        for (const [name, value] of Object.entries(states)) store.setState(name, value);
        const compiled = compile(graph, { store });
        for (const shift of [0, 5]) {
          const x = tensor(shift);
          const expected = evaluate(graph, { x, ...states });
          const found = await compiled.run({ x });
          for (const name of Object.keys(graph.outputs))
            expect(Array.from(found[name]!.data as Float32Array)).toEqual(Array.from(expected.outputs[name]!.data as Float32Array));
          for (const name of Object.keys(graph.updates)) {
            const now = await store.readState(name);
            expect(Array.from(now.data as Float32Array)).toEqual(Array.from(expected.updates[name]!.data as Float32Array));
            states = { ...states, [name]: now };
          }
        }
        await store.dispose();
      }),
      { numRuns: 300 },
    );
  });
});

describe("the plan", () => {
  it("keeps what a linear layer reads until the norm after it is done, which may not lie there", () => {
    const graph = fuse(
      trace((t) => {
        const [weight, scale] = [t.state("weight", "f32", [4, 4]), t.state("scale", "f32", [4])];
        const read = relu(t.input("x", "f32", [3, 4]));
        const residual = relu(t.input("r", "f32", [3, 4]));
        return { y: relu(rmsNorm(add(linear(read, weight), residual), scale, 1e-5)) };
      }),
    );
    const { slots, steps } = planMemory(graph);
    const at = steps.findIndex(({ op }) => op.name === "rms-norm");
    const [layer, norm] = [steps[at - 1]!, steps[at]!];
    expect(layer.op.name).toBe("linear");
    const made = slots.get(norm.outputs["y"]!.id)!;
    for (const name of ["x", "residual"]) {
      const slot = slots.get(layer.inputs[name]!.id)!;
      expect(slot.end).toBeGreaterThanOrEqual(at);
      expect(made.offset).not.toBe(slot.offset);
    }
  });
});
