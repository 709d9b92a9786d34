/** Known answers: the references are every backend's oracle, so they are held against numbers that come from elsewhere. */
import { describe, expect, test } from "vitest";
import { dim, mulDims } from "../dim.ts";
import { gradients } from "../gradients.ts";
import { f32, i32, type HostTensor } from "../host.ts";
import type { AnyOp } from "../op.ts";
import { evaluate } from "../reference/evaluate.ts";
import { uniform } from "../rng.ts";
import { trace } from "../trace.ts";
import * as ops from "../index.ts";
import { dataOf } from "./support/host.ts";

const values = (tensor: HostTensor | undefined): number[] => [...dataOf(tensor!)];

function run(op: AnyOp, inputs: Readonly<Record<string, HostTensor>>, attrs: object = {}): number[] {
  return values(op.reference(inputs, attrs)[op.outputs[0]]);
}

function expectClose(found: readonly number[], expected: readonly number[], digits = 6): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, digits));
}

describe("elements", () => {
  // Φ, erf and tanh from tables: erf(0.5) = 0.5204999, erf(1) = 0.8427008, Φ(1) = 0.8413447, tanh(1) = 0.7615942.
  test.each([
    [ops.erfOp, [-1, 0.5, 1, 2.5], [-0.8427008, 0.5204999, 0.8427008, 0.999593]],
    [ops.geluOp, [-1, 0, 1, 3], [-0.1586553, 0, 0.8413447, 2.9959503]],
    [ops.geluTanhOp, [-1, 0, 1, 3], [-0.158808, 0, 0.841192, 2.9963627]],
    [ops.siluOp, [-1, 0, 1], [-0.2689414, 0, 0.7310586]],
    [ops.sigmoidOp, [-1000, 0, Math.log(3)], [0, 0.5, 0.75]],
    [ops.tanhOp, [-1, 0, 1], [-0.7615942, 0, 0.7615942]],
    [ops.rsqrtOp, [4, 0.25], [0.5, 2]],
    [ops.reluOp, [-2, 0, 2], [0, 0, 2]],
  ] as [AnyOp, number[], number[]][])("$name", (op, x, y) => {
    expectClose(run(op, { x: f32([x.length], x) }), y);
  });

  test("broadcasting follows numpy", () => {
    const a = f32([2, 1], [10, 20]);
    const b = f32([3], [1, 2, 3]);
    expect(run(ops.subOp, { a, b })).toEqual([9, 8, 7, 19, 18, 17]);
    expect(run(ops.greaterOp, { a: b, b: f32([], [2]) })).toEqual([0, 0, 1]);
    expect(run(ops.maximumOp, { a: f32([2], [-1, -5]), b: f32([2], [-2, -4]) })).toEqual([-1, -4]);
  });

  test("a cast goes towards zero", () => {
    expect(run(ops.castOp, { x: f32([4], [1.9, -1.9, 0.5, -7]) }, { dtype: "i32" })).toEqual([1, -1, 0, -7]);
  });
});

describe("shapes", () => {
  const x = f32([2, 3], [1, 2, 3, 4, 5, 6]);

  test("transpose, slice, pad, concat", () => {
    expect(run(ops.transposeOp, { x }, { axes: [1, 0] })).toEqual([1, 4, 2, 5, 3, 6]);
    expect(run(ops.sliceOp, { x }, { starts: [0, 1], ends: [2, 3] })).toEqual([2, 3, 5, 6]);
    expect(run(ops.padOp, { x: f32([1, 2], [7, 8]) }, { before: [1, 0], after: [0, 1] })).toEqual([0, 0, 0, 7, 8, 0]);
    expect(run(ops.concatOp, { a: x, b: f32([2, 1], [8, 9]) }, { axis: 1 })).toEqual([1, 2, 3, 8, 4, 5, 6, 9]);
  });

  test("concat of five keeps their order", () => {
    const graph = trace((t) => ({
      y: ops.concat(
        [1, 2, 3, 4, 5].map((n) => ops.reshape(t.constant(n), [1])),
        0,
      ),
    }));
    expect(values(evaluate(graph, {}).outputs["y"])).toEqual([1, 2, 3, 4, 5]);
  });

  test("reductions", () => {
    expect(run(ops.sumOp, { x }, { axes: [0], keepDims: false })).toEqual([5, 7, 9]);
    expect(run(ops.meanOp, { x }, { axes: [1], keepDims: true })).toEqual([2, 5]);
    expect(run(ops.maxOp, { x: f32([3], [-3, -1, -2]) }, { axes: [0], keepDims: false })).toEqual([-1]);
    expect(run(ops.argmaxOp, { x: f32([2, 3], [0, 4, 4, -1, -1, -2]) })).toEqual([1, 0]);
    expect(run(ops.sumSquaresOp, { x })).toEqual([91]);
  });

  test("equal maxima share the gradient", () => {
    const graph = trace((t) => {
      const leaf = t.input("x", "f32", [4]);
      return { dx: gradients(ops.max(leaf), [leaf])[0]! };
    });
    expect(values(evaluate(graph, { x: f32([4], [1, 3, 3, 2]) }).outputs["dx"])).toEqual([0, 0.5, 0.5, 0]);
  });

  test("scatter-rows adds rows of one id and skips negative ones", () => {
    const grad = f32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(run(ops.scatterRowsOp, { grad, ids: i32([4], [2, 0, 2, -1]) }, { count: 3 })).toEqual([3, 4, 0, 0, 6, 8]);
  });
});

describe("matrices", () => {
  const a = f32([2, 3], [1, 2, 3, 4, 5, 6]);

  test("matmul in all four orientations", () => {
    const b = f32([3, 2], [1, 0, 0, 1, 1, 1]);
    const bTurned = f32([2, 3], [1, 0, 1, 0, 1, 1]);
    const aTurned = f32([3, 2], [1, 4, 2, 5, 3, 6]);
    for (const [left, right, transposeA, transposeB] of [
      [a, b, false, false],
      [a, bTurned, false, true],
      [aTurned, b, true, false],
      [aTurned, bTurned, true, true],
    ] as const) {
      expect(run(ops.matmulOp, { a: left, b: right }, { transposeA, transposeB })).toEqual([4, 5, 10, 11]);
    }
  });

  test("linear is x·Wᵀ, then bias, activation, residual in this order", () => {
    const weight = f32([2, 3], [1, 0, 0, 0, -1, 0]);
    const inputs = { x: a, weight, bias: f32([2], [10, 1]), residual: f32([2, 2], [1, 2, 3, 4]) };
    expect(run(ops.linearOp, inputs, { activation: "relu" })).toEqual([12, 2, 17, 4]);
  });
});

describe("rows along the last axis", () => {
  test("softmax, also of huge elements", () => {
    expectClose(run(ops.softmaxOp, { x: f32([2, 2], [0, Math.log(3), 1e4, 1e4]) }), [0.25, 0.75, 0.5, 0.5]);
    expectClose(run(ops.logSoftmaxOp, { x: f32([2], [0, Math.log(3)]) }), [Math.log(0.25), Math.log(0.75)]);
  });

  test("norms", () => {
    const [x, one] = [f32([2], [3, 4]), f32([2], [1, 2])];
    expectClose(run(ops.rmsNormOp, { x, weight: one }, { epsilon: 0 }), [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)]);
    expectClose(run(ops.layerNormOp, { x, weight: one, bias: f32([2], [5, 5]) }, { epsilon: 0 }), [4, 7]);
    expectClose(run(ops.layerNormOp, { x, weight: one, bias: f32([2]) }, { epsilon: 0.75 }), [-0.5, 1]);
  });

  test("cross-entropy, and nothing for an ignored target", () => {
    const logits = f32([2, 2], [0, Math.log(3), 0, 0]);
    const { nll, logSumExp } = ops.crossEntropyOp.reference({ logits, targets: i32([2], [0, -1]) }, {});
    expectClose(values(nll), [Math.log(4), 0]);
    expectClose(values(logSumExp), [Math.log(4), Math.log(2)]);
  });
});

describe("rope", () => {
  // One head of four elements at position 1 and base 100: angles 1 and 100^(−2/4) = 0.1.
  const [c1, s1, c2, s2] = [Math.cos(1), Math.sin(1), Math.cos(0.1), Math.sin(0.1)];
  const inputs = { x: f32([1, 1, 1, 4], [1, 2, 3, 4]), positions: i32([1, 1], [1]) };

  test("adjacent pairs", () => {
    const attrs = { base: 100, pairing: "adjacent", inverse: false };
    expectClose(run(ops.ropeOp, inputs, attrs), [c1 - 2 * s1, s1 + 2 * c1, 3 * c2 - 4 * s2, 3 * s2 + 4 * c2]);
  });

  test("halves", () => {
    const attrs = { base: 100, pairing: "half", inverse: false };
    expectClose(run(ops.ropeOp, inputs, attrs), [c1 - 3 * s1, 2 * c2 - 4 * s2, s1 + 3 * c1, 2 * s2 + 4 * c2]);
  });

  test("scores depend on the distance of positions alone", () => {
    const turn = (x: number[], position: number): number[] =>
      run(ops.ropeOp, { x: f32([1, 1, 1, 4], x), positions: i32([1, 1], [position]) }, { base: 10000, pairing: "half", inverse: false });
    const score = (p: number, q: number): number => {
      const [a, b] = [turn([1, -2, 3, 0.5], p), turn([0.3, 1, -1, 2], q)];
      return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
    };
    expect(score(7, 3)).toBeCloseTo(score(104, 100), 5);
    expect(Math.abs(score(7, 3) - score(7, 4))).toBeGreaterThan(0.1);
  });
});

describe("attention", () => {
  const [query, key, value] = [f32([1, 2, 1, 1], [0, 1]), f32([1, 3, 1, 1], [0, Math.log(3), 50]), f32([1, 3, 1, 1], [1, 5, 9])];
  const attrs = { scale: 1, causal: true, keyValueHeads: [0] };

  test("a causal query mixes the keys up to its own", () => {
    expectClose(run(ops.attentionOp, { query, key, value }, attrs), [1, 0.25 * 1 + 0.75 * 5]);
  });

  test("starts move the diagonal, lengths end the keys", () => {
    expectClose(run(ops.attentionOp, { query, key, value, starts: i32([1], [1]) }, attrs), [3, 9]);
    expectClose(run(ops.attentionOp, { query, key, value, starts: i32([1], [1]), lengths: i32([1], [2]) }, attrs), [3, 4]);
  });

  test("a query without keys gives zero", () => {
    expect(run(ops.attentionOp, { query, key, value, lengths: i32([1], [0]) }, attrs)).toEqual([0, 0]);
  });

  test("a bias is added to the scores, per head, and hides keys", () => {
    const one = { query: f32([1, 1, 2, 1], [0, 0]), key: f32([1, 3, 1, 1], [1, 1, 1]), value: f32([1, 3, 1, 1], [1, 5, 9]) };
    const both = { scale: 1, causal: false, keyValueHeads: [0, 0] };
    const bias = f32([1, 2, 1, 3], [0, Math.log(3), -1e30, -1e30, -Infinity, -1e30]);
    expectClose(run(ops.attentionOp, { ...one, bias }, both), [0.25 * 1 + 0.75 * 5, 0]);
    expect(() => ops.attentionOp.infer({ ...one, bias: f32([1, 2, 1, 2], [0, 0, 0, 0]) }, both)).toThrow(/bias/);
  });

  test("query heads read the key/value head they are told to", () => {
    const inputs = { query: f32([1, 1, 3, 1], [1, 1, 1]), key: f32([1, 1, 2, 1], [0, 0]), value: f32([1, 1, 2, 1], [4, 7]) };
    expect(run(ops.attentionOp, inputs, { scale: 1, causal: false, keyValueHeads: [1, 0, 1] })).toEqual([7, 4, 7]);
  });
});

describe("State", () => {
  test("cache-write puts rows at their starts, and refuses what does not fit", () => {
    const inputs = { cache: f32([2, 3, 1, 1], [1, 2, 3, 4, 5, 6]), rows: f32([2, 2, 1, 1], [7, 8, 9, 10]) };
    expect(run(ops.cacheWriteOp, { ...inputs, starts: i32([2], [1, 0]) })).toEqual([1, 7, 8, 9, 10, 6]);
    expect(() => run(ops.cacheWriteOp, { ...inputs, starts: i32([2], [2, 0]) })).toThrow(/capacity 3/);
  });

  test("random-uniform gives the host's numbers", () => {
    expect(run(ops.randomUniformOp, { seed: i32([2], [7, -3]) }, { shape: [2, 9], stream: 5 })).toEqual([
      ...uniform([7, 2 ** 32 - 3], 5, 18),
    ]);
  });
});

describe("named dimensions", () => {
  const [batch, seq] = [dim("batch"), dim("seq")];

  test("shape rules work on them, and gradients through them have the right numbers once they are bound", () => {
    const graph = trace((t) => {
      const [x, weight] = [t.input("x", "f32", [batch, seq, 3]), t.weight("w", [2, 3])];
      const y = ops.linear(x, weight);
      const flat = ops.reshape(ops.transpose(y, [1, 0, 2]), [mulDims(batch, seq), 2]);
      const loss = ops.mean(ops.mul(flat, flat));
      const [dx, dw] = gradients(loss, [x, weight]);
      return { loss, dx: dx!, dw: dw! };
    });
    const x = f32([2, 2, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1]);
    const { outputs } = evaluate(graph, { x, w: f32([2, 3], [1, 2, 3, 0, 0, 1]) });
    // y = [1,0], [2,0], [3,1], [6,1]; the loss is Σy²/8 and dy = y/4.
    expectClose(values(outputs["loss"]), [52 / 8]);
    expectClose(values(outputs["dw"]), [7 / 4, 8 / 4, 9 / 4, 1 / 4, 1 / 4, 2 / 4]);
    expectClose(values(outputs["dx"]).slice(0, 6), [1 / 4, 2 / 4, 3 / 4, 2 / 4, 4 / 4, 6 / 4]);
  });

  test("a mean over named axes divides by their size", () => {
    const graph = trace((t) => {
      const x = t.input("x", "f32", [batch, seq]);
      return { dx: gradients(ops.sum(ops.mean(x, [1])), [x])[0]! };
    });
    expectClose(values(evaluate(graph, { x: f32([1, 4], [1, 2, 3, 4]) }).outputs["dx"]), [0.25, 0.25, 0.25, 0.25]);
  });
});

describe("wrong inputs are refused while tracing", () => {
  const refused = (build: Parameters<typeof trace>[0]): unknown => {
    try {
      return trace(build);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each([
    ["shapes that do not broadcast", (t) => ({ y: ops.add(t.input("a", "f32", [3]), t.input("b", "f32", [4])) })],
    ["mixed dtypes", (t) => ({ y: ops.mul(t.input("a", "f32", [3]), t.input("b", "i32", [3])) })],
    ["another size", (t) => ({ y: ops.reshape(t.input("a", "f32", [3, 2]), [5]) })],
    ["inner dimensions that differ", (t) => ({ y: ops.matmul(t.input("a", "f32", [2, 3]), t.input("b", "f32", [2, 3])) })],
    ["a weight of another width", (t) => ({ y: ops.linear(t.input("x", "f32", [2, 3]), t.weight("w", [5, 4])) })],
    ["an axis that is not there", (t) => ({ y: ops.sum(t.input("a", "f32", [3]), [1]) })],
    ["an axis named twice", (t) => ({ y: ops.transpose(t.input("a", "f32", [3, 4]), [0, 0]) })],
    ["a range past the end", (t) => ({ y: ops.slice(t.input("a", "f32", [3]), [1], [4]) })],
    [
      "an odd width to turn",
      (t) => ({ y: ops.rope(t.input("x", "f32", [1, 2, 1, 3]), t.input("p", "i32", [1, 2]), { base: 1e4, pairing: "half" }) }),
    ],
    ["ids that are not whole", (t) => ({ y: ops.rows(t.weight("w", [4, 2]), t.input("ids", "f32", [3])) })],
  ] as [string, Parameters<typeof trace>[0]][])("%s", (_name, build) => {
    expect(refused(build)).toBe("tensor-core/shape-mismatch");
  });

  test("an id past the table, on the host", () => {
    expect(() => run(ops.rowsOp, { weight: f32([2, 1]), ids: i32([1], [2]) })).toThrow(/an id in \[0, 2\)/);
  });
});
