import { describe, expect, test } from "vitest";
import type { Device, ProgramStep } from "../device.ts";
import { addOp, layerNormOp, linearOp, siluMulOp } from "../index.ts";
import { openReference, prepareOnHost } from "../reference/device.ts";
import { viewArray } from "../dtype.ts";
import { checkCase, conformance, conformanceTests } from "./conformance.ts";
import type { AnyCase } from "./check-gradients.ts";

describe("the reference", () => {
  conformance({ device: () => Promise.resolve(openReference()), test });
});

describe("the suite finds", () => {
  const add = [...addOp.cases()].find(({ name }) => name === "[17] with [17]") as unknown as AnyCase;

  /** A reference device whose programs do something more after each run, to the float32 view of all memory. */
  function broken(harm: (memory: Float32Array, step: ProgramStep, run: number) => void): Device {
    let runs = 0;
    const view = (tensor: { buffer: { handle: unknown } }): Float32Array =>
      viewArray("f32", tensor.buffer.handle as Uint8Array) as Float32Array;
    return {
      ...openReference(),
      prepare: (steps) => {
        const prepared = prepareOnHost(steps, ({ buffer, offset, shape }) =>
          view({ buffer }).subarray(offset / 4, offset / 4 + shape.reduce((a, b) => a * b, 1)),
        );
        return {
          ...prepared,
          run: async () => {
            await prepared.run();
            harm(view(steps[0]!.outputs["y"]!), steps[0]!, runs++);
          },
        };
      },
    };
  }

  test("nothing where nothing is wrong", async () => {
    await checkCase(
      broken(() => undefined),
      addOp,
      add,
    );
  });

  test("a wrong element", async () => {
    const device = broken((memory, { outputs }) => (memory[outputs["y"]!.offset / 4 + 16]! += 1e-4));
    await expect(checkCase(device, addOp, add)).rejects.toThrow(/y\[16\] is .*, not /);
  });

  test("an element nobody wrote", async () => {
    const device = broken((memory, { outputs }) => (memory[outputs["y"]!.offset / 4 + 16] = NaN));
    await expect(checkCase(device, addOp, add)).rejects.toThrow(/y\[16\] is NaN/);
  });

  test("a tail written too far", async () => {
    const device = broken((memory, { outputs }) => (memory[outputs["y"]!.offset / 4 + 17] = 0));
    await expect(checkCase(device, addOp, add)).rejects.toThrow(/wrote into memory past y/);
  });

  test("an input overwritten", async () => {
    const device = broken((memory, { inputs }) => (memory[inputs["b"]!.offset / 4] = 5));
    await expect(checkCase(device, addOp, add)).rejects.toThrow(/wrote into input b/);
  });

  test("a run that gives other bytes", async () => {
    const device = broken((memory, { outputs }, run) => (memory[outputs["y"]!.offset / 4]! += run * 1e-7));
    await expect(checkCase(device, addOp, add)).rejects.toThrow(/other bytes in run 2/);
  });

  test("a kernel that cannot work in place", async () => {
    const device = broken((memory, { inputs, outputs }) => {
      if (inputs["gate"]!.offset === outputs["y"]!.offset) memory[outputs["y"]!.offset / 4] = 9;
    });
    await expect(checkCase(device, siluMulOp, [...siluMulOp.cases()][5] as unknown as AnyCase)).rejects.toThrow(/in place of gate: y\[0\]/);
  });

  test("a kernel that repacks constants wrongly", async () => {
    const device = broken((memory, { inputs, outputs }) => {
      if (inputs["weight"]!.constant) memory[outputs["y"]!.offset / 4] = 99;
    });
    await expect(checkCase(device, linearOp, [...linearOp.cases()][3] as unknown as AnyCase)).rejects.toThrow(/constant inputs: y\[0\]/);
  });

  test("an op without a kernel", async () => {
    const device = { ...openReference(), supports: (op: string) => op !== "layer-norm" };
    await expect(checkCase(device, layerNormOp, [...layerNormOp.cases()][0] as unknown as AnyCase)).rejects.toThrow(/no kernel/);
    const tests = conformanceTests({ device: () => Promise.resolve(device), ops: [layerNormOp] });
    await expect(tests.find(({ name }) => name === "layer-norm: has a kernel")!.run()).rejects.toThrow(/conformance-failed/);
  });
});

describe("opting out", () => {
  const device = (): Promise<Device> => Promise.resolve(openReference());
  const ops = [addOp, layerNormOp];

  test("leaves an op or a case out, and nothing else", () => {
    const all = conformanceTests({ device, ops }).map(({ name }) => name);
    const skip = { "layer-norm": "no kernel yet", "add: [17] with [17]": "odd lanes" };
    const left = conformanceTests({ device, ops, skip }).map(({ name }) => name);
    expect(all.filter((name) => !left.includes(name))).toEqual(
      all.filter((name) => name.startsWith("layer-norm: ") || name === "add: [17] with [17]"),
    );
  });

  test("must name what exists and say why", () => {
    expect(() => conformanceTests({ device, ops, skip: { "layer-nrm": "typo" } })).toThrow(/near +layer-norm/);
    expect(() => conformanceTests({ device, ops, skip: { "layer-norm": " " } })).toThrow(/gives no reason/);
  });
});
