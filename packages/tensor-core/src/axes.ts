/** What an op says of its axes: which of them lose the same indices when one is cut. */
import type { TensorType } from "./host.ts";

/** An axis of one output or input of an op by its name (an output where both have it), counted from 0. */
export type AxisRef = readonly [tensor: string, axis: number];

export type AxisLink =
  /** Index i of the one is index i of the other. */
  | { readonly kind: "same"; readonly axes: readonly [AxisRef, AxisRef] }
  /** Both lists run over the same elements in row-major order. */
  | { readonly kind: "split"; readonly from: readonly AxisRef[]; readonly to: readonly AxisRef[] }
  /** `whole` holds the parts one after the other; a number stands for that many indices of its own. */
  | { readonly kind: "join"; readonly parts: readonly (AxisRef | number)[]; readonly whole: AxisRef }
  /** Index i of `reader` reads index `indices[i]` of `source` (default i): what nobody reads any more may go. */
  | { readonly kind: "read"; readonly reader: AxisRef; readonly source: AxisRef; readonly indices?: readonly number[] | undefined }
  /** No index of it can go alone. */
  | { readonly kind: "fixed"; readonly axis: AxisRef; readonly why: string };

type Types = Readonly<Record<string, TensorType | undefined>>;

/** Links of axes that line up from the last one on, as numpy broadcasts; an axis of size 1 is repeated and hangs on nothing. */
export function alignedAxes(inputs: Types, output: TensorType, name: string = "y"): AxisLink[] {
  return Object.entries(inputs).flatMap(([input, type]) => {
    const ahead = output.shape.length - (type?.shape.length ?? 0);
    return (type?.shape ?? []).flatMap((size, axis) => (size === 1 ? [] : [sameAxis(input, axis, name, axis + ahead)]));
  });
}

/** Axis `axis` of one and `other` of the other are the same. */
export function sameAxis(a: string, axis: number, b: string, other: number): AxisLink {
  return {
    kind: "same",
    axes: [
      [a, axis],
      [b, other],
    ],
  };
}

/** The first `count` axes of both are the same. */
export function leadingAxes(a: string, b: string, count: number): AxisLink[] {
  return Array.from({ length: count }, (_, axis) => sameAxis(a, axis, b, axis));
}
