import { compile, createStore, f32, gradients, openReference, sum, trace, uniform, type HostTensor } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { expectedOpen, finalGates, gateInputs, sampleGates, type HardConcreteSettings } from "./hard-concrete.ts";

const SETTINGS: HardConcreteSettings = { penalty: 1, temperature: 2 / 3, low: -0.1, high: 1.1, start: 2, rate: 1 };

/** Gates of one step and their slopes in log α. */
async function drawn(logAlpha: HostTensor, seed: number): Promise<{ readonly gates: Float32Array; readonly slopes: Float32Array }> {
  const graph = trace((tracer) => {
    const alpha = tracer.input("alpha", "f32", logAlpha.shape);
    const gates = sampleGates(alpha, SETTINGS, 0, tracer);
    return { gates, slopes: gradients(sum(gates, [0]), [alpha])[0] };
  });
  const { gates, slopes } = await compile(graph, { store: createStore(openReference()) }).run({
    alpha: logAlpha,
    ...gateInputs(seed, "test")(0, 1),
  });
  return { gates: gates.data as Float32Array, slopes: slopes.data as Float32Array };
}

function constant(value: number, size = 4000): HostTensor {
  return f32([size], new Float32Array(size).fill(value));
}

describe("hard concrete gates", () => {
  it.each([-3, -1, 0, 2])("with log α = %d are open as often as is expected, and some are exactly 0 or 1", async (logAlpha) => {
    const { gates } = await drawn(constant(logAlpha), 1);
    expect(gates.every((gate) => gate >= 0 && gate <= 1)).toBe(true);
    const open = gates.filter((gate) => gate > 0).length / gates.length;
    const graph = trace((tracer) => ({ open: expectedOpen(tracer.input("alpha", "f32", [1]), SETTINGS) }));
    const { open: expected } = await compile(graph, { store: createStore(openReference()) }).run({ alpha: constant(logAlpha, 1) });
    // Four standard errors of 4000 draws.
    expect(Math.abs(open - (expected.data[0] as number))).toBeLessThan(4 * Math.sqrt(0.25 / 4000));
    expect(gates.some((gate) => gate === 0) && gates.some((gate) => gate === 1)).toBe(true);
  });

  it("are the inverse of the distribution at the uniform numbers of the step", async () => {
    const { gates } = await drawn(constant(0.5, 50), 7);
    const [seed] = Object.values(gateInputs(7, "test")(0, 1));
    const [low, high] = seed.data as Int32Array;
    const u = uniform([low, high], 0, 50);
    gates.forEach((gate, i) => {
      const s = 1 / (1 + Math.exp(-(Math.log(u[i]) - Math.log(1 - u[i]) + 0.5) * 1.5));
      expect(gate).toBeCloseTo(Math.min(1, Math.max(0, s * 1.2 - 0.1)), 4);
    });
  });

  it("have slopes where they are neither shut nor wide open", async () => {
    const { gates, slopes } = await drawn(constant(0), 3);
    gates.forEach((gate, i) => expect(slopes[i] > 0).toBe(gate > 0 && gate < 1));
  });

  it("are drawn anew in every step, the same by the same seed", async () => {
    const at = (seed: number, step: number): readonly number[] => [...(gateInputs(seed, "x")(step, 9)["gates/seed"].data as Int32Array)];
    expect(at(1, 0)).toEqual(at(1, 0));
    expect(at(1, 0)).not.toEqual(at(1, 1));
    expect(at(1, 0)).not.toEqual(at(2, 0));
  });

  it("end shut, open or between", () => {
    expect([...finalGates(f32([3], [-4, 4, 0]), SETTINGS)]).toEqual([0, 1, 0.5]);
  });
});
