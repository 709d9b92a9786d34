/** Reading tensors under another order of their elements: which element of each operand belongs to element i of the output. */
import { collapse } from "@pare/tensor-core";
import type { GpujsEncoder, GpujsTensor, Shader } from "../types.ts";

interface Operand {
  readonly tensor: GpujsTensor;
  /** Along the axes of the output. */
  readonly strides: readonly number[];
  readonly start?: number | undefined;
}

const LETTERS = ["a", "b", "c"] as const;

/**
 * y[i] = f(a, b, c): up to three operands, each read under its own strides.
 *
 * @param value an expression of `a`, `b` and `c`; shaders are shared by all shapes that collapse to as many loops.
 */
export function mapStrided(encoder: GpujsEncoder, name: string, value: string, y: GpujsTensor, operands: readonly Operand[]): void {
  const loops = collapse(
    y.shape,
    operands.map(({ strides }) => strides),
  );
  const letters = LETTERS.slice(0, operands.length);
  const shader = stridedShader(name, value, loops.length, letters);
  const values: Record<string, number | GpujsTensor> = {};
  letters.forEach((letter, operand) => {
    values[letter.toUpperCase()] = operands[operand]!.tensor;
    values[`${letter}Start`] = operands[operand]!.start ?? 0;
    loops.forEach(({ strides }, loop) => (values[`${letter}Step${loop}`] = strides[operand]!));
  });
  loops.forEach(({ size }, loop) => {
    if (loop > 0) values[`size${loop}`] = size;
  });
  encoder.pass(shader, y, values);
}

function stridedShader(
  name: string,
  value: string,
  loops: number,
  letters: readonly string[],
): Shader<Record<string, "tensor" | "integer">> {
  const parameters: Record<string, "tensor" | "integer"> = {};
  for (const letter of letters) parameters[letter.toUpperCase()] = "tensor";
  for (const letter of letters) {
    parameters[`${letter}Start`] = "integer";
    for (let loop = 0; loop < loops; loop++) parameters[`${letter}Step${loop}`] = "integer";
  }
  for (let loop = 1; loop < loops; loop++) parameters[`size${loop}`] = "integer";
  const lines: string[] = [];
  let rest = "i";
  for (let loop = loops - 1; loop > 0; loop--) {
    lines.push(`const rest${loop} = quotient(${rest}, size${loop});`, `const at${loop} = ${rest} - rest${loop} * size${loop};`);
    rest = `rest${loop}`;
  }
  lines.push(`const at0 = ${rest};`);
  for (const letter of letters) {
    const terms = Array.from({ length: loops }, (_, loop) => `at${loop} * ${letter}Step${loop}`);
    lines.push(`const ${letter} = ${letter.toUpperCase()}[${letter}Start + ${terms.join(" + ")}];`);
  }
  return { name: `${name}_${loops}d`, parameters, body: `${lines.join(" ")} return ${value};` };
}

/** Rows along the last axis: how many and how long. */
export function rowsOf({ shape, size }: GpujsTensor): { readonly count: number; readonly length: number } {
  const length = shape.at(-1) ?? 1;
  return { count: length === 0 ? 0 : size / length, length };
}
