/** An op is a value in one file: shape rule, reference, gradient and test cases. A third party's op carries its own types. */
import type { HostTensor, TensorType } from "./host.ts";
import type { Value } from "./graph.ts";
import type { AxisLink } from "./axes.ts";

export type Given<In extends string, Opt extends string, T> = Readonly<Record<In, T>> & Readonly<Partial<Record<Opt, T | undefined>>>;

export interface OpCase<In extends string, Opt extends string, Attrs> {
  /** Unique within the op, readable in a test list. */
  readonly name: string;
  readonly inputs: Given<In, Opt, HostTensor>;
  readonly attrs: Attrs;
  /** Largest |found − expected| ÷ max(1, |expected|) a device may show against the reference, per element. */
  readonly tolerance: number;
  /** Why the tolerance is what it is. */
  readonly why: string;
  /** f32 inputs whose gradient is checked against finite differences; default: every f32 input when the op has a gradient. */
  readonly checkGradient?: readonly (In | Opt)[] | undefined;
}

export interface Op<Name extends string, In extends string, Opt extends string, Out extends string, Attrs> {
  readonly name: Name;
  readonly inputs: readonly In[];
  readonly optional: readonly Opt[];
  readonly outputs: readonly Out[];
  /** Shape and dtype rule, over named dimensions too; throws `tensor-core/shape-mismatch`. */
  readonly infer: (inputs: Given<In, Opt, TensorType>, attrs: Attrs) => Readonly<Record<Out, TensorType>>;
  /** The definition of the op, on the host, accumulating in float64. Never writes into its inputs. */
  readonly reference: (inputs: Given<In, Opt, HostTensor>, attrs: Attrs) => Readonly<Record<Out, HostTensor>>;
  /** Traced. `grads` lacks outputs nobody differentiates; inputs it leaves out have a zero gradient. */
  readonly gradient?:
    | ((
        grads: Readonly<Partial<Record<Out, Value>>>,
        inputs: Given<In, Opt, Value>,
        outputs: Readonly<Record<Out, Value>>,
        attrs: Attrs,
      ) => Readonly<Partial<Record<In | Opt, Value>>>)
    | undefined;
  readonly cases: () => Iterable<OpCase<In, Opt, Attrs>>;
  /** Floating-point operations for bound shapes, a product with its sum as two. Absent: one per element of the outputs, none for a view. */
  readonly flops?: ((inputs: Given<In, Opt, TensorType>, attrs: Attrs) => number) | undefined;
  /**
   * Which axes belong together where a weight loses rows or columns; axes in no link lose indices freely. Shapes are numbers. Absent:
   * nobody knows, and what meets this op cannot be cut.
   */
  readonly axes?:
    | ((inputs: Given<In, Opt, TensorType>, outputs: Readonly<Record<Out, TensorType>>, attrs: Attrs) => readonly AxisLink[])
    | undefined;
  /** The only output is the first input's bytes under another shape: no kernel runs. */
  readonly view?: boolean | undefined;
  /** Inputs that the first output may overwrite when this node is their last reader (element i needs only element i). */
  readonly inPlace?: readonly In[] | undefined;
  /**
   * Each row of the outputs, along the last axis, needs of this input that row alone: a device may go on with rows that the op before it has
   * finished. What that op reads stays alive until both are done.
   */
  readonly rowwise?: In | undefined;
  /** Output → State input whose buffer it overwrites. */
  readonly updates?: Readonly<Partial<Record<Out, In>>> | undefined;
  /** The op applies `attrs.activation` and adds an optional `residual` input (shaped as its output) last: passes fuse into it. */
  readonly epilogue?: boolean | undefined;
}

/* eslint-disable typescript/no-explicit-any -- where ops of all types stand together their own types are forgotten */
export interface AnyOp extends Omit<Op<string, any, any, any, any>, "infer" | "reference" | "gradient" | "flops" | "axes"> {
  readonly infer: (inputs: any, attrs: any) => Readonly<Record<string, TensorType>>;
  readonly reference: (inputs: any, attrs: any) => Readonly<Record<string, HostTensor>>;
  readonly flops?: ((inputs: any, attrs: any) => number) | undefined;
  readonly axes?: ((inputs: any, outputs: any, attrs: any) => readonly AxisLink[]) | undefined;
  readonly gradient?: ((grads: any, inputs: any, outputs: any, attrs: any) => Readonly<Partial<Record<string, Value>>>) | undefined;
}

/** Fills in what an op leaves out and keeps its literal types. */
export function defineOp<
  const Name extends string,
  const In extends string,
  const Out extends string,
  Attrs,
  const Opt extends string = never,
>(
  op: Omit<Op<Name, NoInfer<In>, NoInfer<Opt>, Out, Attrs>, "inputs" | "optional"> & {
    readonly inputs: readonly In[];
    readonly optional?: readonly Opt[];
  },
): Op<Name, In, Opt, Out, Attrs> {
  return { ...op, optional: op.optional ?? [] };
}
