/** What kernels of this backend are written against. */
import { kernelsFor, type DType, type Given, type Kernel, type Op } from "@pare/tensor-core";
import type { Pack } from "@pare/core";

/** A tensor as kernels see it: its elements in row-major order, each a 32-bit float whatever the dtype. */
export interface GpujsTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
}

/** `tensor`: read as `x[i]`, flat; `integer`: exact within 32 bits; `number`: a 32-bit float. */
export type ParameterKind = "tensor" | "integer" | "number";

/**
 * A function that gpu.js compiles: it gives element `i` of its output. The body is JavaScript as gpu.js takes it, kept as text because
 * gpu.js reads the source of functions, which bundlers rename. It may call {@link HELPERS} and `Math`, and knows `i`, an integer.
 */
export interface Shader<Parameters extends Readonly<Record<string, ParameterKind>>> {
  /** Unique among all sources that differ: compiled once per device. Named `<dtype>_<what>`. */
  readonly name: string;
  readonly parameters: Parameters;
  readonly body: string;
}

export type AnyShader = Shader<Readonly<Record<string, ParameterKind>>>;

type ArgumentOf<Kind extends ParameterKind> = Kind extends "tensor" ? GpujsTensor : number;

export type ShaderArguments<Parameters extends Readonly<Record<string, ParameterKind>>> = {
  readonly [Name in keyof Parameters]: ArgumentOf<Parameters[Name]>;
};

/** Writes one step of a program as passes. What a pass writes is whole before the next one reads it. */
export interface GpujsEncoder {
  /**
   * Computes every element of `output` (an output of the op, or scratch). Inputs of the op stay what they were until the step has
   * ended, also where an output is planned over them.
   */
  readonly pass: <const Parameters extends Readonly<Record<string, ParameterKind>>>(
    shader: Shader<Parameters>,
    output: GpujsTensor,
    values: ShaderArguments<Parameters>,
  ) => void;
  /** A tensor of this step alone. */
  readonly scratch: (shape: readonly number[]) => GpujsTensor;
  /** These numbers as f32, living as long as the program. */
  readonly table: (values: readonly number[]) => GpujsTensor;
  /** The same integers, those beyond 2²⁴ rounded to the nearest float instead of refused. */
  readonly rounded: (tensor: GpujsTensor) => GpujsTensor;
}

export interface GpujsTypes {
  readonly encoder: GpujsEncoder;
  readonly tensor: GpujsTensor;
}

/** Kernels of other packages for this backend. */
export interface GpujsPack extends Pack<"gpujs"> {
  readonly kernels: readonly Kernel<GpujsTypes>[];
}

/** `implement(op, (encoder, { x }, { y }, attrs) => …)`: a kernel with the op's own types. */
export const implement: <In extends string, Opt extends string, Out extends string, Attrs>(
  op: Op<string, In, Opt, Out, Attrs>,
  encode: (encoder: GpujsEncoder, inputs: Given<In, Opt, GpujsTensor>, outputs: Readonly<Record<Out, GpujsTensor>>, attrs: Attrs) => void,
) => Kernel<GpujsTypes> = kernelsFor<GpujsTypes>();
