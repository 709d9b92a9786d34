/** What kernels of every backend walk by: loops over strided tensors, passes of a reduction, matrices of a product. */
import { sizeOf } from "./dim.ts";
import type { MatmulAttrs } from "./ops/matmul.ts";

/** One loop: its length, and for each operand how far a step goes (elements). */
export interface Loop {
  readonly size: number;
  readonly strides: readonly number[];
}

/** The loops over `shape`, as few as they can be, outermost first: without those of length 1, neighbours merged where all operands run on. At least one. */
export function collapse(shape: readonly number[], operands: readonly (readonly number[])[]): Loop[] {
  const loops: Loop[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const strides = operands.map((operand) => operand[axis]!);
    const outer = loops.at(-1);
    if (outer !== undefined && outer.strides.every((stride, i) => stride === strides[i]! * size)) {
      loops[loops.length - 1] = { size: outer.size * size, strides };
    } else loops.push({ size, strides });
  });
  return loops.length === 0 ? [{ size: 1, strides: operands.map(() => 0) }] : loops;
}

/** `[outer, size, inner]` → `[outer, inner]`. */
export interface ReductionPass {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** Passes that together reduce `axes`: one per run of neighbouring reduced axes, the innermost first; at least one, if only of length 1. */
export function reductionPasses(shape: readonly number[], axes: readonly number[]): ReductionPass[] {
  const runs: { size: number; readonly reduced: boolean }[] = [];
  shape.forEach((size, axis) => {
    const reduced = axes.includes(axis);
    const before = runs.at(-1);
    if (before?.reduced === reduced) before.size *= size;
    else runs.push({ size, reduced });
  });
  if (!runs.some(({ reduced }) => reduced)) runs.push({ size: 1, reduced: true });
  const sizes = runs.map(({ size }) => size);
  const passes: ReductionPass[] = [];
  for (let at = runs.length - 1; at >= 0; at--) {
    if (!runs[at]!.reduced) continue;
    passes.push({ outer: sizeOf(sizes.slice(0, at)), size: sizes[at]!, inner: sizeOf(sizes.slice(at + 1)) });
    sizes[at] = 1;
  }
  return passes;
}

/** Elements between neighbours: along the rows, along k, from one matrix of the batch to the next. */
export type ProductStrides = readonly [row: number, k: number, batch: number];

/** y `[batch, m, n]` = left·rightᵀ over left `[batch, m, k]` and right `[batch, n, k]`. */
export interface ProductShape {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: ProductStrides;
  readonly right: ProductStrides;
}

/** `matmul` of a and b of these shapes. */
export function productShape(a: readonly number[], b: readonly number[], { transposeA, transposeB }: MatmulAttrs): ProductShape {
  const [m, k] = (transposeA ? [a.at(-1), a.at(-2)] : a.slice(-2)) as [number, number];
  const n = b.at(transposeB ? -2 : -1)!;
  const lead = sizeOf(a.slice(0, -2));
  const shared = b.length === 2;
  const between = shared ? 0 : k * n;
  return {
    // One b for all: rows of the whole batch follow each other, unless a is stored turned.
    ...(shared && !transposeA ? { batch: 1, m: lead * m } : { batch: lead, m }),
    n,
    k,
    left: transposeA ? [1, m, m * k] : [k, 1, m * k],
    right: transposeB ? [k, 1, between] : [1, n, between],
  };
}
