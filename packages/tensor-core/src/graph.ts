/** The traced graph: plain data that passes, planners, writers and counters read. */
import type { HostTensor, TensorType } from "./host.ts";
import type { AnyOp, Given, Op } from "./op.ts";
import { f32 } from "./host.ts";

/** A symbolic tensor while tracing: one output of one node. */
export interface Value extends TensorType {
  readonly id: number;
  readonly node: Node;
  /** Name of the op's output; "value" for a leaf. */
  readonly output: string;
}

/** Where data enters: `input` changes every run, `state` lives on the device and may be updated, `weight` is named and constant. */
export type Leaf =
  | { readonly kind: "input" | "state"; readonly name: string }
  | {
      readonly kind: "weight";
      readonly name: string;
      /** A part of its storage; absent: the whole as dense f32. */
      readonly part?: string | undefined;
    }
  | { readonly kind: "constant"; readonly tensor: HostTensor };

export interface LeafNode {
  readonly kind: "leaf";
  readonly leaf: Leaf;
  readonly builder: GraphBuilder;
  readonly value: Value;
}

export interface OpNode {
  readonly kind: "op";
  readonly op: AnyOp;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Value | undefined>>;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly builder: GraphBuilder;
  /** The region whose values this node computes anew for the backward pass: no pass merges it with the first computation, which would keep its values. */
  readonly again?: number | undefined;
}

export type Node = LeafNode | OpNode;

/** Nodes in topological order. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly outputs: Readonly<Record<string, Value>>;
  /** State name → the value it holds after the run. */
  readonly updates: Readonly<Record<string, Value>>;
}

/** Collects nodes; values of two builders never mix. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  /** What nodes made now carry as {@link OpNode.again}. */
  again: number | undefined;
  private nextId = 0;
  private regions = 0;
  private readonly leaves = new Map<string, Value>();
  private readonly regionOfNode = new Map<Node, number>();

  /** The leaf of that kind and name, made once. */
  leaf(leaf: Leaf, type: TensorType): Value {
    const key = leaf.kind === "constant" ? undefined : `${leaf.kind}:${leaf.name}:${leaf.kind === "weight" ? (leaf.part ?? "") : ""}`;
    const known = key === undefined ? undefined : this.leaves.get(key);
    if (known !== undefined) return known;
    const node = { kind: "leaf", leaf, builder: this } as Omit<LeafNode, "value"> as Omit<LeafNode, "value"> & { value: Value };
    node.value = { id: this.nextId++, node, output: "value", dtype: type.dtype, shape: type.shape };
    this.nodes.push(node);
    if (key !== undefined) this.leaves.set(key, node.value);
    return node.value;
  }

  constant(tensor: HostTensor): Value {
    return this.leaf({ kind: "constant", tensor }, tensor);
  }

  apply<In extends string, Opt extends string, Out extends string, Attrs>(
    op: Op<string, In, Opt, Out, Attrs>,
    inputs: Given<In, Opt, Value>,
    attrs: Attrs,
  ): Record<Out, Value> {
    const types = op.infer(inputs, attrs);
    const outputs = {} as Record<Out, Value>;
    const node: OpNode = {
      kind: "op",
      op,
      attrs: attrs as Readonly<Record<string, unknown>>,
      inputs,
      outputs,
      builder: this,
      again: this.again,
    };
    for (const name of op.outputs)
      outputs[name] = { id: this.nextId++, node, output: name, dtype: types[name].dtype, shape: types[name].shape };
    this.nodes.push(node);
    return outputs;
  }

  /** Makes the nodes from this index on a region, whose values `gradients` computes anew; a region within it is part of it. */
  markRegion(from: number): void {
    const region = ++this.regions;
    for (const node of this.nodes.slice(from)) if (node.kind === "op") this.regionOfNode.set(node, region);
  }

  /** undefined: its values are kept for the backward pass. */
  regionOf(node: Node): number | undefined {
    return this.regionOfNode.get(node);
  }
}

/** Adds `op` to the graph its inputs belong to. */
export function apply<In extends string, Opt extends string, Out extends string, Attrs>(
  op: Op<string, In, Opt, Out, Attrs>,
  inputs: Given<In, Opt, Value>,
  attrs: Attrs,
): Record<Out, Value> {
  const first = inputs[op.inputs[0]!] as Value;
  return first.node.builder.apply(op, inputs, attrs);
}

/** A number becomes a scalar constant of the graph that `beside` belongs to. */
export function lift(value: Value | number, beside: Value): Value {
  return typeof value === "number" ? beside.node.builder.constant(f32([], [value])) : value;
}

/** Attributes as text, equal exactly when they are: JSON alone would write ±Infinity and NaN as null, and −0 as 0. */
export function attrsKey(attrs: unknown): string {
  return JSON.stringify(attrs, (_name, part: unknown) =>
    typeof part === "number" && (!Number.isFinite(part) || Object.is(part, -0))
      ? { number: Object.is(part, -0) ? "-0" : String(part) }
      : part,
  );
}

/** Values a node reads, optional ones that are absent left out. */
export function inputsOf(node: Node): Value[] {
  return node.kind === "leaf" ? [] : Object.values(node.inputs).filter((value) => value !== undefined);
}

/** Values a node gives. */
export function outputsOf(node: Node): Value[] {
  return node.kind === "leaf" ? [node.value] : Object.values(node.outputs);
}
