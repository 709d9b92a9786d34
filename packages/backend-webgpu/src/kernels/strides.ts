/** Loops over strided tensors, made as few as they can be, and as index arithmetic of a shader. */

/** One loop: its length, and for each operand how far a step goes (elements). */
export interface Loop {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Elements between neighbours along each axis, row-major. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Strides that read a tensor of shape `from` as if it had the shape `to` it broadcasts to. */
export function broadcastTo(from: readonly number[], to: readonly number[]): number[] {
  const strides = rowMajor(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]!));
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

/** For operands `names`: functions `at_<name>(i)` from an index over all loops to the operand's element, and the numbers they need. */
export function walk(
  loops: readonly Loop[],
  names: readonly string[],
): { readonly declare: string; readonly sizes: Record<string, number> } {
  const sizes: Record<string, number> = {};
  loops.forEach(({ size, strides }, depth) => {
    if (depth > 0) sizes[`size_${depth}`] = size;
    strides.forEach((stride, operand) => (sizes[`${names[operand]}_step_${depth}`] = stride));
  });
  const functions = names.map((name) => {
    const lines: string[] = [];
    for (let depth = loops.length - 1; depth > 0; depth--) {
      lines.push(`at += (rest % p.size_${depth}) * p.${name}_step_${depth}; rest /= p.size_${depth};`);
    }
    return `fn at_${name}(i: u32) -> u32 { var rest = i; var at = 0u; ${lines.join(" ")} return at + rest * p.${name}_step_0; }`;
  });
  return { declare: functions.join("\n"), sizes };
}
