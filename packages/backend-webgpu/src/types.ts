/** What kernels of this backend are written against. */
import type { Pack } from "@pare/core";
import { kernelsFor, type Activation, type DType, type Given, type Kernel, type Op } from "@pare/tensor-core";

/** A planned tensor as kernels see it: row-major, from a 64-byte boundary of a buffer on. */
export interface WebgpuTensor {
  /** Known to the device alone. */
  readonly memory: object;
  /** Bytes. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  /** The bytes never change while the program lives. */
  readonly constant: boolean;
}

/** What the adapter offers beyond plain WGSL; all false on a portable device. */
export interface Features {
  /** `subgroupAdd` and its kin, with `subgroup_id`. */
  readonly subgroups: boolean;
  /** `dot4I8Packed`. */
  readonly packedDot: boolean;
  /** The type `f16`, which every shader then enables. */
  readonly shaderF16: boolean;
}

/** One dispatch: a shader, the tensors it touches, and its numbers. */
export interface Call {
  /** `<dtype>_<op>[_<tile>]`, the label of its pipeline. */
  readonly kernel: string;
  /** Tensors that are only read: `read_<name>(i)` in the shader. */
  readonly reads: Readonly<Record<string, WebgpuTensor | undefined>>;
  /** Tensors that are written, and may be read: `write_<name>(i, value)` and `read_<name>(i)`. */
  readonly writes: Readonly<Record<string, WebgpuTensor>>;
  /** Whole numbers, as u32: `p.<name>`. */
  readonly sizes?: Readonly<Record<string, number>> | undefined;
  /** As f32: `p.<name>`. */
  readonly scalars?: Readonly<Record<string, number>> | undefined;
  /** Functions and workgroup variables. */
  readonly declare?: string | undefined;
  /** Of `main`, which knows `lane` (in the workgroup) and `group` (of all workgroups, below `p.groups`), both u32. */
  readonly body: string;
  /** Invocations of a workgroup, at most 256. */
  readonly lanes: number;
  readonly groups: number;
}

/** What linear layers of every storage do last: y = activation(sum + bias) + residual. */
export interface Epilogue {
  readonly bias?: WebgpuTensor | undefined;
  readonly residual?: WebgpuTensor | undefined;
  readonly activation: Activation;
}

/** Writes one step of a program as dispatches. They run in order, each seeing what those before it wrote. */
export interface WebgpuEncoder {
  readonly features: Features;
  readonly call: (call: Call) => void;
  /** Declares `finish(sum, column, at)`, which gives element `at` of y, for a call that reads `bias` and `residual` where they are given. */
  readonly finish: (epilogue: Epilogue) => string;
  /** Garbage before this step and after it; every step of the program shares it. */
  readonly scratch: (dtype: "f32" | "i32", size: number) => WebgpuTensor;
  /** These whole numbers as i32 (or the bits of u32), written now, living as long as the program. */
  readonly table: (values: readonly number[]) => WebgpuTensor;
}

export interface WebgpuTypes {
  readonly encoder: WebgpuEncoder;
  readonly tensor: WebgpuTensor;
}

/** Kernels for this backend: encoders that bring their WGSL. */
export interface WebgpuPack extends Pack<"webgpu"> {
  readonly kernels: readonly Kernel<WebgpuTypes>[];
}

/** `implement(op, (encoder, { x }, { y }, attrs) => …)`: a kernel with the op's own types. */
export const implement: <In extends string, Opt extends string, Out extends string, Attrs>(
  op: Op<string, In, Opt, Out, Attrs>,
  encode: (
    encoder: WebgpuEncoder,
    inputs: Given<In, Opt, WebgpuTensor>,
    outputs: Readonly<Record<Out, WebgpuTensor>>,
    attrs: Attrs,
  ) => void,
) => Kernel<WebgpuTypes> = kernelsFor<WebgpuTypes>();
