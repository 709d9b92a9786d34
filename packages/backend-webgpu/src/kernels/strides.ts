/** Loops over strided tensors as index arithmetic of a shader. */
import type { Loop } from "@pare/tensor-core";

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
