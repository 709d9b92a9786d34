import { expectDim, expectThat, floatType } from "./support/check.ts";
import { ODD_SIZES, sampler } from "./support/cases.ts";
import { dataOf, make, numbersOf, type OwnTensor } from "./support/host.ts";
import { reshape } from "./reshape.ts";
import { transpose } from "./transpose.ts";
import { sameShape, showShape, sizeOf, symbolicSize, type Dim, type Shape } from "../dim.ts";
import { leadingAxes, sameAxis } from "../axes.ts";
import { apply, type Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";
import { defineOp, type Op, type OpCase } from "../op.ts";

export interface MatmulAttrs {
  /** a is `[…, k, m]`. */
  readonly transposeA: boolean;
  /** b is `[…, n, k]`. */
  readonly transposeB: boolean;
}

/** y `[…, m, n]` = a `[…, m, k]` · b `[…, k, n]`; the leading dimensions are equal, or b has none. */
export const matmulOp: Op<"matmul", "a" | "b", never, "y", MatmulAttrs> = defineOp({
  name: "matmul",
  inputs: ["a", "b"],
  outputs: ["y"],
  infer: ({ a, b }, attrs: MatmulAttrs) => {
    expectThat(a.shape.length >= 2, "matmul", "a", "two dimensions or more", showShape(a.shape));
    expectThat(b.shape.length >= 2, "matmul", "b", "two dimensions or more", showShape(b.shape));
    const lead = a.shape.slice(0, -2);
    const own = b.shape.slice(0, -2);
    expectThat(own.length === 0 || sameShape(lead, own), "matmul", "b", `leading dimensions ${showShape(lead)} or none`, showShape(own));
    const [m, k] = sides(a.shape, attrs.transposeA);
    const [inner, n] = sides(b.shape, attrs.transposeB);
    expectDim("matmul", "b", inner, k);
    return { y: { dtype: floatType("matmul", { a, b }), shape: [...lead, m, n] } };
  },
  axes: ({ a, b }, _outputs, { transposeA, transposeB }) => {
    const [left, right] = [a.shape.length - 2, b.shape.length - 2];
    const [rows, inner] = transposeA ? [left + 1, left] : [left, left + 1];
    const [outer, columns] = transposeB ? [right + 1, right] : [right, right + 1];
    return [
      ...leadingAxes("a", "y", left),
      ...leadingAxes("b", "y", right),
      sameAxis("a", rows, "y", left),
      sameAxis("b", columns, "y", left + 1),
      sameAxis("a", inner, "b", outer),
    ];
  },
  reference: ({ a, b }, attrs) => ({ y: multiply(a, b, attrs) }),
  gradient: ({ y: g }, { a, b }, _outputs, attrs) => {
    if (g === undefined) return {};
    return a.shape.length === b.shape.length ? pairGradient(g, a, b, attrs) : sharedGradient(g, a, b, attrs);
  },
  flops: ({ a, b }, { transposeB }) => 2 * (symbolicSize(a.shape) as number) * (b.shape.at(transposeB ? -2 : -1) as number),
  cases: function* () {
    const why = "sums of at most 40 products in f32, in any order";
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const attrs = { transposeA, transposeB };
        const turned = `${transposeA ? "aᵀ" : "a"}·${transposeB ? "bᵀ" : "b"}`;
        for (const [m, k, n] of sizes()) {
          const name = `${turned} ${m}×${k}×${n}`;
          const { f32 } = sampler(name);
          const inputs = { a: f32(transposeA ? [k, m] : [m, k]), b: f32(transposeB ? [n, k] : [k, n]) };
          yield { name, inputs, attrs, tolerance: 1e-5, why, checkGradient: m * k * n > 1500 ? [] : ["a", "b"] };
        }
        yield severalBlocks(attrs, turned);
        const { f32 } = sampler(`batched ${turned}`);
        const inputs = { a: f32(transposeA ? [2, 3, 5, 4] : [2, 3, 4, 5]), b: f32(transposeB ? [2, 3, 6, 5] : [2, 3, 5, 6]) };
        yield { name: `batched ${turned}`, inputs, attrs, tolerance: 1e-5, why };
        const shared = { a: inputs.a, b: f32(transposeB ? [6, 5] : [5, 6]) };
        yield { name: `${turned}, one b for all`, inputs: shared, attrs, tolerance: 1e-5, why };
      }
    }
  },
});

/**
 * a `[…, m, k]` · b `[…, k, n]` → `[…, m, n]`; with `transposeA` or `transposeB` that operand's last two axes are swapped. b may have no leading dimensions.
 */
export function matmul(a: Value, b: Value, { transposeA = false, transposeB = false }: Partial<MatmulAttrs> = {}): Value {
  return apply(matmulOp, { a, b }, { transposeA, transposeB }).y;
}

/** Past the panels and cache blocks that fast kernels cut a product into. */
function severalBlocks(attrs: MatmulAttrs, turned: string): OpCase<"a" | "b", never, MatmulAttrs> {
  const { f32 } = sampler(`several blocks ${turned}`);
  const inputs = { a: f32(attrs.transposeA ? [2, 517, 67] : [2, 67, 517]), b: f32(attrs.transposeB ? [2, 131, 517] : [2, 517, 131]) };
  const why = "sums of 517 products in f32, in any order";
  return { name: `several blocks, ${turned}`, inputs, attrs, tolerance: 1e-4, why, checkGradient: [] };
}

/** Sizes swept one at a time; the fixed ones are not among them, so that no product comes twice. */
function* sizes(): Generator<readonly [number, number, number]> {
  for (const size of ODD_SIZES) {
    yield [size, 6, 10];
    yield [6, size, 10];
    yield [6, 10, size];
  }
  yield [34, 40, 18]; // Several tiles of any kernel; the largest are too slow to differentiate by differences.
}

function pairGradient(g: Value, a: Value, b: Value, { transposeA, transposeB }: MatmulAttrs): { a: Value; b: Value } {
  return {
    a: transposeA ? matmul(b, g, { transposeA: transposeB, transposeB: true }) : matmul(g, b, { transposeB: !transposeB }),
    b: transposeB ? matmul(g, a, { transposeA: true, transposeB: transposeA }) : matmul(a, g, { transposeA: !transposeA }),
  };
}

/** One b for all matrices of a: their rows stand below each other as one matrix. */
function sharedGradient(g: Value, a: Value, b: Value, attrs: MatmulAttrs): { a: Value; b: Value } {
  const flat = (value: Value): Value => reshape(value, [symbolicSize(value.shape.slice(0, -1)), value.shape.at(-1)!]);
  const axes = [...a.shape.keys()];
  const swapped = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
  const upright = attrs.transposeA ? transpose(a, swapped) : a;
  const gradients = pairGradient(flat(g), flat(upright), b, { ...attrs, transposeA: false });
  const toUpright = reshape(gradients.a, upright.shape);
  return { a: attrs.transposeA ? transpose(toUpright, swapped) : toUpright, b: gradients.b };
}

/** The last two dimensions as the product sees them. */
function sides(shape: Shape, transposed: boolean): readonly [Dim, Dim] {
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  return transposed ? [columns, rows] : [rows, columns];
}

function multiply(a: HostTensor, b: HostTensor, { transposeA, transposeB }: MatmulAttrs): OwnTensor {
  const [m, k] = numbersOf(sides(a.shape, transposeA)) as [number, number];
  const n = Number(sides(b.shape, transposeB)[1]);
  const lead = a.shape.slice(0, -2);
  const y = make(a.dtype, [...lead, m, n]);
  const [left, right] = [dataOf(a), dataOf(b)];
  const [aRow, aStep] = transposeA ? [1, m] : [k, 1];
  const [bStep, bColumn] = transposeB ? [1, k] : [n, 1];
  for (let batch = 0; batch < sizeOf(lead); batch++) {
    const aAt = batch * m * k;
    const bAt = b.shape.length === 2 ? 0 : batch * k * n;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let total = 0;
        for (let s = 0; s < k; s++) total += left[aAt + i * aRow + s * aStep]! * right[bAt + s * bStep + j * bColumn]!;
        y.data[(batch * m + i) * n + j] = total;
      }
    }
  }
  return y;
}
