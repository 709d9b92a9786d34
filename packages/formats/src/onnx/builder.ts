/** Collects the nodes and initializers of an ONNX graph. Values go by their names. */
import { showShape, type Dim, type DimExpression, type DType, type Shape, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import { onnxDimUnbound } from "../errors.ts";
import type { DeepPartial, OnnxAttribute, OnnxNode, OnnxValueInfo } from "./proto.ts";
import { bytesOf, byteLength, F16_MAX, floatBytes, ONNX_TYPES, tensorOf } from "./types.ts";

/** Name of a value in the ONNX graph. */
export type OnnxValue = string;

export type AttributeValue = number | bigint | string | readonly number[];

export interface NodeOptions {
  /** "" (ONNX itself) by default. */
  readonly domain?: string | undefined;
  /** Names of the outputs; default: one, made up. */
  readonly outputs?: readonly OnnxValue[] | undefined;
  /** Attributes that are floats although their value may be whole. */
  readonly floats?: Readonly<Record<string, number>> | undefined;
}

/** A weight that was written otherwise than it is stored, for the caller to say. */
export interface OnnxNote {
  readonly weight: string;
  /** The form it was written in: "f32", "int8 per output". */
  readonly to: string;
  /** The same numbers. */
  readonly exact: boolean;
  readonly why: string;
}

export interface BuilderOptions {
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** Float type of the computation. */
  readonly float: "f32" | "f16";
  readonly opset: number;
  readonly nameOf: (weight: string) => string;
}

/** Everything a lowering may use. */
export class OnnxBuilder {
  readonly weights: ReadonlyMap<string, StoredWeight>;
  readonly float: "f32" | "f16";
  readonly opset: number;
  readonly nodes: DeepPartial<OnnxNode>[] = [];
  readonly initializers: Map<string, TensorSource> = new Map<string, TensorSource>();
  readonly inputs: DeepPartial<OnnxValueInfo>[] = [];
  readonly outputs: DeepPartial<OnnxValueInfo>[] = [];
  readonly domains: Set<string> = new Set([""]);
  readonly notes: OnnxNote[] = [];
  /** Lengths (int32 `[batch]`) that come from a mask (0 or 1, `[batch, keys]`): attention reads the mask itself, wherever its padding is. */
  readonly maskOf: Map<OnnxValue, OnnxValue> = new Map<OnnxValue, OnnxValue>();
  /** Whatever lowerings keep to share between nodes, by a key of their own. */
  private readonly shared = new Map<string, OnnxValue>();
  private readonly names = new Set<string>();
  private readonly siblings = new Map<OnnxValue, readonly OnnxValue[]>();
  private readonly pending = new Map<string, () => OnnxValue>();
  private readonly naming: (weight: string) => string;
  private scope = "";

  constructor({ weights, float, opset, nameOf }: BuilderOptions) {
    this.weights = weights;
    this.naming = nameOf;
    this.float = float;
    this.opset = opset;
  }

  /** A name that no other value has, made from this one. */
  fresh(hint: string): string {
    let name = hint;
    for (let count = 1; this.names.has(name); count++) name = `${hint}_${count}`;
    this.names.add(name);
    return name;
  }

  /** Names made up inside `body` begin with `scope`, so that a viewer shows where nodes belong. */
  within<Result>(scope: string, body: () => Result): Result {
    const before = this.scope;
    this.scope = scope === "" ? "" : `${scope}/`;
    try {
      return body();
    } finally {
      this.scope = before;
    }
  }

  /** Adds a node; gives the name of its first output. */
  node(
    opType: string,
    input: readonly (OnnxValue | undefined)[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    { domain = "", outputs, floats = {} }: NodeOptions = {},
  ): OnnxValue {
    const name = this.fresh(`${this.scope}${opType}`);
    const output = outputs ?? [this.fresh(`${name}_output`)];
    this.domains.add(domain);
    output.forEach((value) => this.siblings.set(value, output));
    this.nodes.push({
      name,
      opType,
      ...(domain === "" ? {} : { domain }),
      input: input.map((value) => value ?? ""),
      output,
      attribute: [
        ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
        ...Object.entries(floats).map(([key, f]) => ({ name: key, type: 1, f })),
      ],
    });
    return output[0]!;
  }

  /** Another output of the node that gives `value`. */
  outputBeside(value: OnnxValue, index: number): OnnxValue {
    return this.siblings.get(value)![index]!;
  }

  /** The initializer's name for a weight of the checkpoint. */
  nameOf(weight: string): string {
    return this.naming(weight);
  }

  /** Makes what `key` stands for once. */
  once(key: string, make: () => OnnxValue): OnnxValue {
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    const value = this.within("shared", make);
    this.shared.set(key, value);
    return value;
  }

  /** A tensor that is read when it is written. The name is taken as it is, once. */
  initializer(name: string, source: TensorSource): OnnxValue {
    if (!this.initializers.has(name)) {
      this.names.add(name);
      this.initializers.set(name, source);
    }
    return name;
  }

  /** A small tensor, one for each content. */
  constant(dtype: DType, shape: readonly number[], bytes: Uint8Array): OnnxValue {
    const key = `constant ${dtype} ${showShape(shape)} ${bytes.length > 256 ? this.shared.size : bytes.join()}`;
    return this.once(key, () => {
      const tensor = tensorOf(dtype, shape, bytes);
      const read = async (): Promise<typeof tensor> => tensor;
      return this.initializer(this.fresh("constant"), { dtype, shape, bytes: byteLength(dtype, shape), read });
    });
  }

  /** Floats of the computation's type; in f16 finite ones end at ±65504. */
  floats(shape: readonly number[], data: ArrayLike<number>, dtype: "f32" | "f16" = this.float): OnnxValue {
    const limited = dtype === "f32" ? data : Array.from(data, (x) => (Number.isFinite(x) ? Math.min(F16_MAX, Math.max(-F16_MAX, x)) : x));
    return this.constant(dtype, shape, floatBytes(limited, dtype));
  }

  scalar(value: number, dtype: "f32" | "f16" = this.float): OnnxValue {
    return this.floats([], [value], dtype);
  }

  /** int64 `[n]`, as axes and shapes are given. */
  ints(values: readonly number[]): OnnxValue {
    return this.constant("i64", [values.length], bytesOf(BigInt64Array.from(values, BigInt)));
  }

  int(value: number): OnnxValue {
    return this.constant("i64", [], bytesOf(BigInt64Array.of(BigInt(value))));
  }

  cast(value: OnnxValue, dtype: DType): OnnxValue {
    return this.node("Cast", [value], { to: ONNX_TYPES[dtype] });
  }

  /** Declares an input of the model; dimensions that are a name alone become known by it. */
  input(name: string, dtype: DType, shape: Shape): OnnxValue {
    this.names.add(name);
    this.inputs.push(valueInfo(name, dtype, shape));
    shape.forEach((size, axis) => {
      if (typeof size === "number" || this.pending.has(size.toString())) return;
      const { terms } = size;
      const monomials = Object.entries(terms);
      if (monomials.length !== 1 || monomials[0]![1] !== 1 || monomials[0]![0].includes("*")) return;
      this.bindDim(
        size.toString(),
        this.lazy(() => this.node("Gather", [this.node("Shape", [name]), this.ints([axis])], { axis: 0 })),
      );
    });
    return name;
  }

  /** Says what a named dimension is: int64 `[1]`. */
  bindDim(name: string, value: OnnxValue | (() => OnnxValue)): void {
    if (!this.pending.has(name)) this.pending.set(name, typeof value === "string" ? () => value : value);
  }

  private lazy(make: () => OnnxValue): () => OnnxValue {
    return () => this.within("shape", make);
  }

  /** A dimension as int64 `[1]`. Throws `formats/onnx-dim-unbound`. */
  dim(size: Dim): OnnxValue {
    if (typeof size === "number") return this.ints([size]);
    return this.once(`dim ${size.toString()}`, () => this.polynomial(size));
  }

  private polynomial(size: DimExpression): OnnxValue {
    const terms = Object.entries(size.terms).map(([monomial, coefficient]) => {
      const names = monomial === "" ? [] : monomial.split("*");
      const factors = names.map((name) => this.named(name));
      if (coefficient !== 1 || factors.length === 0) factors.push(this.ints([coefficient]));
      return factors.reduce((left, right) => this.node("Mul", [left, right]));
    });
    return terms.reduce((left, right) => this.node("Add", [left, right]));
  }

  private named(name: string): OnnxValue {
    const make = this.pending.get(name);
    if (make === undefined) throw onnxDimUnbound({ dim: name, known: [...this.pending.keys()].join(", ") || "none" });
    return this.once(`dim ${name}`, make);
  }

  /** A shape as int64 `[rank]`. */
  shape(shape: Shape): OnnxValue {
    if (shape.every((size) => typeof size === "number")) return this.ints(shape);
    const parts = shape.map((size) => this.dim(size));
    return parts.length === 1 ? parts[0]! : this.once(`shape ${showShape(shape)}`, () => this.node("Concat", parts, { axis: 0 }));
  }

  /** Reshapes from a shape to another, by a constant where what differs is at most one dimension. */
  reshape(value: OnnxValue, from: Shape, to: Shape): OnnxValue {
    const same = (axis: number): boolean => axis < from.length && from[axis]!.toString() === to[axis]!.toString();
    const open = to.filter((size, axis) => typeof size !== "number" && !same(axis)).length;
    const plain = open <= 1 && to.every((size) => size !== 0);
    if (!plain) return this.node("Reshape", [value, this.shape(to)], to.includes(0) ? { allowzero: 1 } : {});
    return this.node("Reshape", [value, this.ints(to.map((size, axis) => (typeof size === "number" ? size : same(axis) ? 0 : -1)))]);
  }

  output(name: string, dtype: DType, shape: Shape): void {
    this.outputs.push(valueInfo(name, dtype, shape));
  }

  note(note: OnnxNote): void {
    if (!this.notes.some(({ weight, to }) => weight === note.weight && to === note.to)) this.notes.push(note);
  }
}

function attribute(name: string, value: AttributeValue): DeepPartial<OnnxAttribute> {
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (typeof value === "object") return { name, type: 7, ints: value.map(BigInt) };
  return { name, type: 2, i: BigInt(value) };
}

function valueInfo(name: string, dtype: DType, shape: Shape): DeepPartial<OnnxValueInfo> {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: BigInt(size) } : { dimParam: size.toString() }));
  return { name, type: { tensorType: { elemType: ONNX_TYPES[dtype], shape: { dim } } } };
}
