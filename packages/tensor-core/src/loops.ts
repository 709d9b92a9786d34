/** Loops over strided tensors, made as few as they can be: what kernels of every backend walk by. */
import { sizeOf } from "./dim.ts";

/** One loop: its length, and for each operand how far a step goes (elements). */
export interface Loop {
  readonly size: number;
  readonly strides: readonly number[];
}

/** The loops over `shape`, outermost first: without those of length 1, neighbours merged where all operands run on. At least one. */
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
