import type { ErrorFactory } from "@pare/core";
import type { ProgramStep } from "./device.ts";
import type { Given, Op } from "./op.ts";

/** What a backend's kernels write to and what it calls a planned tensor. */
export interface BackendTypes {
  readonly encoder: unknown;
  readonly tensor: unknown;
}

/** One kernel of one backend: encodes work over planned tensors into that backend's program. Runs once per binding, not per run. */
export interface Kernel<Types extends BackendTypes> {
  readonly op: string;
  readonly encode: (
    encoder: Types["encoder"],
    inputs: Readonly<Record<string, Types["tensor"] | undefined>>,
    outputs: Readonly<Record<string, Types["tensor"]>>,
    attrs: Readonly<Record<string, unknown>>,
  ) => void;
}

/** `const implement = kernelsFor<WasmTypes>()`, then `implement(op, (encoder, { x }, { y }, attrs) => …)` with the op's own types. */
export function kernelsFor<Types extends BackendTypes>(): <In extends string, Opt extends string, Out extends string, Attrs>(
  op: Op<string, In, Opt, Out, Attrs>,
  encode: (
    encoder: Types["encoder"],
    inputs: Given<In, Opt, Types["tensor"]>,
    outputs: Readonly<Record<Out, Types["tensor"]>>,
    attrs: Attrs,
  ) => void,
) => Kernel<Types> {
  return (op, encode) => ({ op: op.name, encode: encode as unknown as Kernel<Types>["encode"] });
}

/** For kernels that know 4-byte numbers and bytes, and would read anything else as those. Throws the backend's own `dtypeUnsupportedBy`. */
export function refuseWideTypes(
  { op, inputs, outputs }: ProgramStep,
  unsupported: ErrorFactory<{ op: string; field: string; dtype: string }>,
): void {
  for (const [field, planned] of [...Object.entries(inputs), ...Object.entries(outputs)]) {
    if (planned !== undefined && !["f32", "i32", "u8"].includes(planned.dtype))
      throw unsupported({ op: op.name, field, dtype: planned.dtype });
  }
}
