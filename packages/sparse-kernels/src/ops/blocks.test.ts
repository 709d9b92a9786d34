import { describe, expect, it } from "vitest";
import { f32, linearOp, type HostTensor } from "@pare/tensor-core";
import { linearBlockInputGradientOp, linearBlockOp, linearBlockValuesGradientOp } from "./linear-block.ts";
import { linearCsrInputGradientOp, linearCsrOp, linearCsrValuesGradientOp } from "./linear-csr.ts";
import { scatter, type BlockSize } from "../storage/pattern.ts";

const SINGLE: BlockSize = { rows: 1, width: 1 };

interface Pattern {
  readonly columns: HostTensor;
  readonly starts: HostTensor;
}

/** The dense `[out, in]` weight that sparse parts stand for. */
function densify(
  { rows, width }: BlockSize,
  { out, features }: { out: number; features: number },
  { columns, starts }: Pattern,
  values: HostTensor,
): HostTensor {
  const pattern = { rows, width, out, features, columns: columns.data as Int32Array, starts: starts.data as Int32Array };
  return f32([out, features], scatter(pattern, values.data as Float32Array));
}

function expectClose(found: HostTensor, expected: HostTensor): void {
  expect(found.shape).toEqual(expected.shape);
  const far = [...(found.data as Float32Array)].findIndex(
    (value, i) => Math.abs(value - Number(expected.data[i])) > 1e-5 * Math.max(1, Math.abs(Number(expected.data[i]))),
  );
  expect(far).toBe(-1);
}

describe("linear-csr equals linear over the densified weight", () => {
  it.each([...linearCsrOp.cases()].map((one) => [one.name, one] as const))("%s", (_name, { inputs, attrs }) => {
    const weight = densify(SINGLE, attrs, { columns: inputs.columns, starts: inputs.rowStarts }, inputs.values);
    expectClose(linearCsrOp.reference(inputs, attrs).y, linearOp.reference({ ...inputs, weight }, attrs).y);
  });
});

describe("linear-block equals linear over the densified weight", () => {
  it.each([...linearBlockOp.cases()].map((one) => [one.name, one] as const))("%s", (_name, { inputs, attrs }) => {
    const weight = densify(attrs, attrs, { columns: inputs.columns, starts: inputs.blockRowStarts }, inputs.values);
    expectClose(linearBlockOp.reference(inputs, attrs).y, linearOp.reference({ ...inputs, weight }, attrs).y);
  });
});

describe("the products of the gradient equal those of the densified weight", () => {
  it("CSR", () => {
    for (const { inputs, attrs } of linearCsrInputGradientOp.cases()) {
      const dense = densify(SINGLE, attrs, { columns: inputs.columns, starts: inputs.rowStarts }, inputs.values);
      expectClose(linearCsrInputGradientOp.reference(inputs, attrs).x, times(inputs.grad, dense));
    }
    for (const { inputs, attrs } of linearCsrValuesGradientOp.cases()) {
      const { values } = linearCsrValuesGradientOp.reference(inputs, attrs);
      const pattern = { columns: inputs.columns, starts: inputs.rowStarts };
      expectClose(densify(SINGLE, attrs, pattern, values), kept(SINGLE, attrs, pattern, outer(inputs.grad, inputs.x)));
    }
  });
  it("blocks, with padding at 0", () => {
    for (const { inputs, attrs } of linearBlockInputGradientOp.cases()) {
      const dense = densify(attrs, attrs, { columns: inputs.columns, starts: inputs.blockRowStarts }, inputs.values);
      expectClose(linearBlockInputGradientOp.reference(inputs, attrs).x, times(inputs.grad, dense));
    }
    for (const { inputs, attrs } of linearBlockValuesGradientOp.cases()) {
      const { values } = linearBlockValuesGradientOp.reference(inputs, attrs);
      const pattern = { columns: inputs.columns, starts: inputs.blockRowStarts };
      expectClose(densify(attrs, attrs, pattern, values), kept(attrs, attrs, pattern, outer(inputs.grad, inputs.x)));
      expect(values.data).toHaveLength(inputs.columns.data.length * attrs.rows * attrs.width);
      const padded = kept(attrs, attrs, pattern, f32([attrs.out, attrs.features], new Float32Array(attrs.out * attrs.features).fill(1)));
      const places = (padded.data as Float32Array).filter((value) => value !== 0).length;
      expect((values.data as Float32Array).filter((value) => value === 0).length).toBeGreaterThanOrEqual(values.data.length - places);
    }
  });
});

/** grad·W */
function times(grad: HostTensor, weight: HostTensor): HostTensor {
  const [out, features] = weight.shape as [number, number];
  const transposed = f32(
    [features, out],
    Array.from({ length: out * features }, (_, i) => Number(weight.data[(i % out) * features + Math.floor(i / out)])),
  );
  return linearOp.reference({ x: grad, weight: transposed }, { activation: "none" }).y;
}

/** gradᵀ·x over all leading dimensions. */
function outer(grad: HostTensor, x: HostTensor): HostTensor {
  const [out, features] = [grad.shape.at(-1)!, x.shape.at(-1)!];
  const sums = new Float64Array(out * features);
  for (let token = 0; token * out < grad.data.length; token++) {
    for (let i = 0; i < sums.length; i++)
      sums[i]! += Number(grad.data[token * out + Math.floor(i / features)]) * Number(x.data[token * features + (i % features)]);
  }
  return f32([out, features], sums);
}

function kept(block: BlockSize, sizes: { out: number; features: number }, pattern: Pattern, dense: HostTensor): HostTensor {
  const ones = f32(
    [pattern.columns.data.length * block.rows * block.width],
    new Float32Array(pattern.columns.data.length * block.rows * block.width).fill(1),
  );
  const mask = densify(block, sizes, pattern, ones);
  return f32(
    dense.shape,
    (dense.data as Float32Array).map((value, i) => value * Number(mask.data[i])),
  );
}
