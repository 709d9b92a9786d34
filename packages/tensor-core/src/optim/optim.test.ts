import { describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { gradients } from "../gradients.ts";
import type { Graph, Value } from "../graph.ts";
import { f32, type HostTensor } from "../host.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { sum } from "../ops/broadcast.ts";
import { dataOf } from "../ops/support/host.ts";
import { evaluate } from "../reference/evaluate.ts";
import { openReference } from "../reference/device.ts";
import { createStore } from "../store.ts";
import { trace } from "../trace.ts";
import { adamw, adamwHyper, adamwStates } from "./adamw.ts";
import { clipScale, globalNorm, scaleGradients } from "./clip.ts";
import type { OptimizerInputs } from "./optimizer.ts";
import { constantSchedule, cosineSchedule, inverseSqrtSchedule, linearSchedule } from "./schedules.ts";
import { sgd, sgdHyper, sgdStates } from "./sgd.ts";

const numbers = (tensor: HostTensor | undefined): number[] => [...dataOf(tensor!)];

/** One step on loss = Σ curvature·(x − target)²/2 over the leaves `weight` and `norm`. */
function stepGraph(optimizer: (inputs: OptimizerInputs) => void, hyperSize: number, limit?: number): Graph {
  return trace((tracer) => {
    const leaf = (name: string): Value => tracer.state(name, "f32", [3]);
    const parameters = { weight: leaf("weight"), norm: leaf("norm") };
    const away = Object.values(parameters).map((value) => sub(value, tracer.input("target", "f32", [3])));
    const losses = away.map((x) => sum(mul(mul(x, x), tracer.input("curvature", "f32", [3]))));
    const loss = mul(add(losses[0]!, losses[1]!), 0.5);
    const [weight, norm] = gradients(loss, Object.values(parameters)) as [Value, Value];
    const scale = limit === undefined ? undefined : clipScale(globalNorm([weight, norm]), limit);
    const hyper = (name: string): Value => {
      const group = tracer.input(name === "norm" ? "plain" : "decayed", "f32", [hyperSize]);
      return scale === undefined ? group : scaleGradients(group, scale);
    };
    optimizer({ tracer, parameters, gradients: { weight, norm }, hyper });
    return { loss };
  });
}

const zero = f32([3]);
const target = f32([3], [1, -2, 0.5]);
const curvature = f32([3], [1, 10, 0.1]);
const start = { weight: f32([3], [3, 0, 0]), norm: f32([3], [0, 0, 4]) };
const moments = Object.fromEntries(["weight", "norm"].flatMap((name) => Object.values(adamwStates(name)).map((state) => [state, zero])));

describe("adamw", () => {
  const graph = stepGraph(adamw, 8);
  const step = (states: Record<string, HostTensor>, decayed: HostTensor, plain = decayed): Readonly<Record<string, HostTensor>> =>
    evaluate(graph, { ...states, target, curvature, decayed, plain }).updates;

  test("the first step moves every element by the learning rate against its gradient's sign", () => {
    const updates = step({ ...start, ...moments }, adamwHyper({ learningRate: 0.01, step: 0 }));
    [3 - 0.01, 0 - 0.01, 0 + 0.01].forEach((x, i) => expect(numbers(updates["weight"])[i]).toBeCloseTo(x, 6));
  });

  test("decay shrinks the decayed group alone, by rate times decay", () => {
    const [decayed, plain] = [0.5, 0].map((weightDecay) => adamwHyper({ learningRate: 0.1, step: 0, weightDecay }));
    const updates = step({ weight: target, norm: target, ...moments }, decayed!, plain);
    [0.95, -1.9, 0.475].forEach((x, i) => expect(numbers(updates["weight"])[i]).toBeCloseTo(x, 6));
    expect(numbers(updates["norm"])).toEqual([1, -2, 0.5]);
  });

  test("three steps follow the algorithm computed by hand", () => {
    let states: Record<string, HostTensor> = { ...start, ...moments };
    let [x, m, v] = [3, 0, 0];
    for (let t = 1; t <= 3; t++) {
      const hyper = adamwHyper({ learningRate: 0.05, step: t - 1, weightDecay: 0.1, beta1: 0.8, beta2: 0.9, gradientScale: 0.5 });
      states = { ...states, ...step(states, hyper) };
      const g = 0.5 * (x - 1);
      [m, v] = [0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g];
      x = x * (1 - 0.05 * 0.1) - (0.05 * (m / (1 - 0.8 ** t))) / (Math.sqrt(v / (1 - 0.9 ** t)) + 1e-8);
    }
    expect(numbers(states["weight"])[0]).toBeCloseTo(x, 6);
    expect(numbers(states["weight/m"])[0]).toBeCloseTo(m, 6);
    expect(numbers(states["weight/v"])[0]).toBeCloseTo(v, 6);
  });

  test("reaches the minimum", () => {
    let states: Record<string, HostTensor> = { ...start, ...moments };
    const rate = cosineSchedule({ peak: 0.2, warmup: 5, steps: 200 });
    for (let t = 0; t < 200; t++) states = { ...states, ...step(states, adamwHyper({ learningRate: rate(t), step: t })) };
    numbers(states["norm"]).forEach((x, i) => expect(x).toBeCloseTo(numbers(target)[i]!, 2));
  });
});

test("compiled for a device, parameters and moments are updated in place, to the same bytes", async () => {
  const graph = stepGraph(adamw, 8, 1);
  const store = createStore(openReference());
  let states: Record<string, HostTensor> = { ...start, ...moments };
  for (const [name, value] of Object.entries(states)) store.setState(name, value);
  const compiled = compile(graph, { store });
  for (let t = 0; t < 3; t++) {
    const hyper = adamwHyper({ learningRate: 0.1, step: t, weightDecay: 0.1 });
    const inputs = { target, curvature, decayed: hyper, plain: hyper };
    await compiled.run(inputs);
    states = { ...states, ...evaluate(graph, { ...states, ...inputs }).updates };
  }
  for (const name of Object.keys(states)) expect((await store.readState(name)).data).toEqual(states[name]!.data);
});

describe("sgd", () => {
  const velocities = Object.fromEntries(["weight", "norm"].map((name) => [sgdStates(name).velocity, zero]));
  const step = (states: Record<string, HostTensor>, hyper: HostTensor, limit?: number): Readonly<Record<string, HostTensor>> =>
    evaluate(stepGraph(sgd, 4, limit), { ...states, target, curvature, decayed: hyper, plain: hyper }).updates;

  test("momentum adds up, decay is part of the gradient", () => {
    const hyper = sgdHyper({ learningRate: 0.1, momentum: 0.5, weightDecay: 0.01 });
    let states: Record<string, HostTensor> = { ...start, ...velocities };
    let [x, velocity] = [3, 0];
    for (let t = 0; t < 3; t++) {
      states = { ...states, ...step(states, hyper) };
      velocity = 0.5 * velocity + (x - 1) + 0.01 * x;
      x -= 0.1 * velocity;
    }
    expect(numbers(states["weight"])[0]).toBeCloseTo(x, 6);
  });

  // Gradients at the start: weight 1·(3−1), 10·(0+2), 0.1·(0−0.5); norm 1·(0−1), 10·(0+2), 0.1·(4−0.5).
  const norm = Math.hypot(2, 20, 0.05, 1, 20, 0.35);

  test.each([
    { limit: 1, scale: 1 / norm },
    { limit: 100, scale: 1 },
  ])("gradients of norm 28.4 clipped at $limit are scaled by $scale", ({ limit, scale }) => {
    const updates = step({ ...start, ...velocities }, sgdHyper({ learningRate: 1 }), limit);
    const moved = ["weight", "norm"].flatMap((name) => numbers(updates[sgdStates(name).velocity]));
    expect(Math.hypot(...moved)).toBeCloseTo(Math.min(limit, norm), 4);
    expect(moved[1]).toBeCloseTo(20 * scale, 4);
  });

  test("no gradient at all is clipped to none", () => {
    const updates = step({ weight: target, norm: target, ...velocities }, sgdHyper({ learningRate: 1 }), 1);
    expect(numbers(updates["weight"])).toEqual([1, -2, 0.5]);
  });
});

describe("schedules", () => {
  const at = (schedule: (step: number) => number, steps: number[]): number[] => steps.map((step) => Number(schedule(step).toFixed(6)));

  test("warm-up rises in a line to the peak", () => {
    expect(at(constantSchedule({ peak: 8, warmup: 4 }), [0, 1, 3, 4, 100])).toEqual([2, 4, 8, 8, 8]);
    expect(at(constantSchedule({ peak: 8 }), [0, 9])).toEqual([8, 8]);
  });

  test("linear", () => {
    expect(at(linearSchedule({ peak: 1, warmup: 2, steps: 12, final: 0.5 }), [0, 1, 2, 7, 12, 99])).toEqual([0.5, 1, 1, 0.75, 0.5, 0.5]);
  });

  test("cosine", () => {
    expect(at(cosineSchedule({ peak: 2, steps: 8 }), [0, 2, 4, 8, 9])).toEqual([2, Number((1 + Math.SQRT1_2).toFixed(6)), 1, 0, 0]);
    expect(at(cosineSchedule({ peak: 2, warmup: 8, steps: 8 }), [7, 8])).toEqual([2, 0]);
  });

  test("inverse square root", () => {
    expect(at(inverseSqrtSchedule({ peak: 1, warmup: 4 }), [0, 3, 15, 63])).toEqual([0.25, 1, 0.5, 0.25]);
    expect(at(inverseSqrtSchedule({ peak: 1 }), [0, 3])).toEqual([1, 0.5]);
  });
});
