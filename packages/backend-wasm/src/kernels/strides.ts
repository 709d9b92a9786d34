/** Loops over strided tensors as calls of kernels that walk a few of them. */
import type { Loop } from "@pare/tensor-core";
import type { WasmEncoder } from "../types.ts";

/**
 * Hands on exactly `depth` loops: missing ones go once around, and for what is more than `depth` the body is called for each
 * index with the operands' offsets (elements).
 */
export function eachBlock(
  loops: readonly Loop[],
  { depth, operands }: { readonly depth: number; readonly operands: number },
  body: (offsets: readonly number[], loops: readonly Loop[]) => void,
): void {
  const none = Array.from({ length: operands }, () => 0);
  const descend = (offsets: readonly number[], rest: readonly Loop[]): void => {
    if (rest.length <= depth) {
      const missing = Array.from({ length: depth - rest.length }, (): Loop => ({ size: 1, strides: none }));
      body(offsets, [...missing, ...rest]);
      return;
    }
    const [outer, ...inner] = rest as [Loop, ...Loop[]];
    for (let i = 0; i < outer.size; i++) {
      descend(
        offsets.map((offset, operand) => offset + i * outer.strides[operand]!),
        inner,
      );
    }
  };
  descend(none, loops);
}

/**
 * Divides the outermost loop that runs more than once; `body` gets the operands' offsets (elements) and its part of the loops.
 *
 * @param each nanoseconds an element takes.
 */
export function divideLoops(
  encoder: WasmEncoder,
  loops: readonly Loop[],
  each: number,
  body: (offsets: readonly number[], loops: readonly Loop[]) => void,
): void {
  const last = loops.length - 1;
  const found = loops.findIndex(({ size }) => size > 1);
  const at = found === -1 ? last : found;
  const { size, strides } = loops[at]!;
  const nanoseconds = each * loops.reduce((total, loop) => total * loop.size, 1);
  encoder.divide({ size, grain: at === last ? 16 : 1, nanoseconds }, (begin, end) => {
    body(
      strides.map((stride) => stride * begin),
      loops.with(at, { size: end - begin, strides }),
    );
  });
}
