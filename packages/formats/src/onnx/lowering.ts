/** How ops and weights become ONNX nodes: values that a writer is given, built in or from a pack. */
import type { AnyPack } from "@pare/core";
import type { Given, Op, OpNode, StoredWeight, Value } from "@pare/tensor-core";
import type { OnnxBuilder, OnnxValue } from "./builder.ts";

/** One op. Outputs that it leaves out may not be read. */
export interface OnnxLowering {
  readonly op: string;
  readonly lower: (
    builder: OnnxBuilder,
    inputs: Readonly<Record<string, OnnxValue | undefined>>,
    node: OpNode,
  ) => Readonly<Record<string, OnnxValue>>;
}

/** What a node was traced with. */
export interface Traced<In extends string, Opt extends string, Out extends string, Attrs> {
  readonly inputs: Given<In, Opt, Value>;
  readonly outputs: Readonly<Record<Out, Value>>;
  readonly attrs: Attrs;
}

/** A lowering with the op's own types. */
export function onnxLowering<In extends string, Opt extends string, Out extends string, Attrs>(
  op: Op<string, In, Opt, Out, Attrs>,
  lower: (
    builder: OnnxBuilder,
    inputs: Given<In, Opt, OnnxValue>,
    traced: Traced<In, Opt, Out, Attrs>,
  ) => Readonly<Partial<Record<Out, OnnxValue>>>,
): OnnxLowering {
  return {
    op: op.name,
    lower: (builder, inputs, node) => lower(builder, inputs as never, node as never) as Readonly<Record<string, OnnxValue>>,
  };
}

/** Lowerings of a third party's ops, as a plugin. */
export interface OnnxPack extends AnyPack {
  readonly backend: "onnx";
  readonly lowerings: readonly OnnxLowering[];
}

/** A product with, or a look-up in, a weight of the checkpoint. */
export interface WeightNode {
  /** Name of the weight in the checkpoint. */
  readonly weight: string;
  readonly stored: StoredWeight;
  /** The initializer's name in the file. */
  readonly name: string;
  /** linear: what is multiplied, `[…, in]`, as it was traced; rows: the ids, int32. */
  readonly x: OnnxValue;
  readonly traced: Value;
  /** The weight is used the other way as well (an embedding that also gives the logits). */
  readonly tied: boolean;
}

/** What weights and numbers become. */
export interface OnnxFlavour {
  readonly id: string;
  /** Float type of what is computed; inputs and outputs of the model stay f32. */
  readonly float: "f32" | "f16";
  /** x·Wᵀ, without the bias. */
  readonly linear: (builder: OnnxBuilder, node: WeightNode) => OnnxValue;
  /** Rows of W by id. */
  readonly rows: (builder: OnnxBuilder, node: WeightNode) => OnnxValue;
}
