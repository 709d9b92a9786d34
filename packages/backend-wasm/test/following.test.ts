/** When a product is handed the norm that follows it. What it then computes, the conformance suite compares with the norm by itself. */
import { addOp, linearOp, rmsNormOp, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { afterAll, describe, expect, it } from "vitest";
import { implement, openWasm } from "../src/index.ts";
import { packOf } from "./pack.ts";

/** What the kernel of linear was told, each time. */
const told: number[] = [];

const asking = packOf("asking", [implement(linearOp, (encoder) => void told.push(encoder.norm()))]);
const ownNorm = packOf("own norm", [implement(rmsNormOp, () => undefined)]);

const device = await openWasm({ packs: [asking] });
const buffer = device.allocate(4096);
const at = (offset: number, shape: readonly number[]): PlannedTensor => ({ dtype: "f32", shape, buffer, offset, constant: false });

/** x at 0, weight at 256, residual at 512, y at 768, the norm's weight at 1024. */
const linear: ProgramStep = {
  op: linearOp,
  attrs: { activation: "none" },
  inputs: { x: at(0, [2, 4]), weight: at(256, [4, 4]), residual: at(512, [2, 4]) },
  outputs: { y: at(768, [2, 4]) },
};

function normStep(to: number, from = 768): ProgramStep {
  return {
    op: rmsNormOp,
    attrs: { epsilon: 1e-5 },
    inputs: { x: at(from, [2, 4]), weight: at(1024, [4]) },
    outputs: { y: at(to, [2, 4]) },
  };
}

function toldFor(steps: readonly ProgramStep[], on = device): number {
  told.length = 0;
  on.prepare(steps).dispose();
  return told[0]!;
}

describe("a product", () => {
  afterAll(() => device.close());

  it("is handed the norm of its output, and the norm runs no more by itself", async () => {
    expect(toldFor([linear, normStep(1280)])).toBeGreaterThan(0);
    device.write(buffer, new Uint8Array(4096));
    device.write(
      buffer,
      Float32Array.from({ length: 8 }, (_, i) => i + 1),
      768,
    );
    device.write(buffer, new Float32Array(4).fill(1), 1024);
    const program = device.prepare([linear, normStep(1280)]);
    await program.run();
    // This kernel of linear did nothing, and nobody else applied the norm.
    expect([...(await device.read(buffer, 1280, 32))]).toEqual(new Array(32).fill(0));
    program.dispose();
  });

  it.each<[string, readonly ProgramStep[]]>([
    ["nothing follows", [linear]],
    [
      "something else does",
      [linear, { op: addOp, attrs: {}, inputs: { a: at(768, [2, 4]), b: at(0, [2, 4]) }, outputs: { y: at(1280, [2, 4]) } }],
    ],
    ["the norm is of another tensor", [linear, normStep(1280, 0)]],
    ["the norm writes where the product still reads", [linear, normStep(512)]],
    ["the norm writes over a part of the output", [linear, normStep(768 + 16)]],
  ])("is handed nothing where %s", (_, steps) => {
    expect(toldFor(steps)).toBe(0);
  });

  it("is handed nothing where a pack brings the norm, or threads share its rows", async () => {
    for (const options of [{ packs: [asking, ownNorm] }, { packs: [asking], threads: 2 }]) {
      const other = await openWasm(options);
      const memory = other.allocate(4096);
      const moved = ({ inputs, outputs, ...rest }: ProgramStep): ProgramStep => ({ ...rest, inputs: onto(inputs), outputs: onto(outputs) });
      const onto = <T extends PlannedTensor | undefined>(tensors: Readonly<Record<string, T>>): Record<string, T> =>
        Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor && { ...tensor, buffer: memory }]));
      expect(toldFor([linear, normStep(1280)].map(moved), other)).toBe(0);
      await other.close();
    }
  });
});
