import { describe, expect, test } from "vitest";
import { checkGradients, type AnyCase } from "../testing/check-gradients.ts";
import { dataOf } from "./support/host.ts";
import { OPS } from "./index.ts";
import type { AxisRef } from "../axes.ts";
import type { HostTensor } from "../host.ts";

function sameBytes(a: HostTensor, b: HostTensor): boolean {
  return Buffer.compare(Buffer.from(a.data.buffer), Buffer.from(b.data.buffer)) === 0;
}

test("op names are unique", () => {
  expect(new Set(OPS.map(({ name }) => name)).size).toBe(OPS.length);
});

describe.each(OPS)("$name", (op) => {
  const cases = [...op.cases()] as AnyCase[];

  test("has cases, named apart, with a reason for their tolerance", () => {
    expect(cases.length).toBeGreaterThan(0);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    for (const { why, tolerance } of cases) {
      expect(why.length).toBeGreaterThan(8);
      expect(tolerance).toBeGreaterThanOrEqual(0);
    }
  });

  test("the reference gives what the shape rule says, finite, and leaves its inputs alone", () => {
    for (const one of cases) {
      const before = structuredClone(one.inputs);
      const types = op.infer(one.inputs, one.attrs);
      const outputs = op.reference(one.inputs, one.attrs);
      expect(Object.keys(outputs).toSorted(), one.name).toEqual([...op.outputs].toSorted());
      for (const name of op.outputs) {
        const { dtype, shape, data } = outputs[name]!;
        expect({ dtype, shape }, `${one.name}: ${name}`).toEqual(types[name]);
        expect(data.length, one.name).toBe(shape.reduce((a, b) => a * b, 1));
        expect(dataOf(outputs[name]!).every(Number.isFinite), one.name).toBe(true);
      }
      for (const [name, input] of Object.entries(one.inputs))
        expect(input === undefined || sameBytes(input, before[name]!), one.name).toBe(true);
    }
  });
});

describe.each(OPS.filter(({ axes }) => axes !== undefined))("the axes of $name", (op) => {
  test("are those that its cases have, and agree in size", () => {
    for (const { name, inputs, attrs } of op.cases() as Iterable<AnyCase>) {
      const outputs = op.reference(inputs, attrs);
      const sizeOf = ([tensor, axis]: AxisRef): number => {
        const size = (outputs[tensor] ?? inputs[tensor])?.shape[axis];
        if (size === undefined) expect.unreachable(`${name}: axis ${axis} of ${tensor}`);
        return size;
      };
      for (const link of op.axes!(inputs, outputs, attrs)) {
        if (link.kind === "same") expect(sizeOf(link.axes[0]), name).toBe(sizeOf(link.axes[1]));
        if (link.kind === "split") expect(product(link.from.map(sizeOf)), name).toBe(product(link.to.map(sizeOf)));
        if (link.kind === "fixed") sizeOf(link.axis);
        if (link.kind === "join") {
          const sizes = link.parts.map((part) => (typeof part === "number" ? part : sizeOf(part)));
          expect(
            sizes.reduce((a, b) => a + b, 0),
            name,
          ).toBe(sizeOf(link.whole));
        }
        if (link.kind === "read") {
          const indices = link.indices ?? Array.from({ length: sizeOf(link.reader) }, (_, i) => i);
          expect(indices, name).toHaveLength(sizeOf(link.reader));
          expect(Math.max(...indices), name).toBeLessThan(sizeOf(link.source));
        }
      }
    }
  });
});

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

describe.each(OPS.filter(({ gradient }) => gradient !== undefined))("the gradient of $name", (op) => {
  const cases = [...op.cases()] as AnyCase[];

  test("agrees with finite differences", () => {
    let compared = 0;
    for (const one of cases) {
      const result = checkGradients(op, one);
      expect(result.mismatches.slice(0, 3), one.name).toEqual([]);
      compared += result.compared;
    }
    if (cases.some(({ checkGradient }) => checkGradient?.length !== 0)) expect(compared).toBeGreaterThan(0);
  });
});
