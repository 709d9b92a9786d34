/** A traced graph and its weights as an ONNX model. */
import { nearNames, VERSION, type FileSet } from "@pare/core";
import { liveNodes, type Graph, type LeafNode, type OpNode, type StoredWeight, type Value } from "@pare/tensor-core";
import { onnxLoweringMissing, onnxOutputUnread, onnxStateUnbound, onnxTypeUnsupported, onnxWeightUnknown } from "../errors.ts";
import { OnnxBuilder, type OnnxNote, type OnnxValue } from "./builder.ts";
import { emitModel } from "./emit.ts";
import { onnxF32 } from "./flavours/float.ts";
import type { OnnxFlavour, OnnxLowering, OnnxPack } from "./lowering.ts";
import { LOWERINGS } from "./lowerings/index.ts";
import { bytesOf } from "./types.ts";
import { denseInitializer } from "./weights.ts";

/** The operator set that is written: the first with Gelu; LayerNormalization and the quantized ops are older. */
export const ONNX_OPSET = 20;

/** Gives the value of a leaf: declares inputs of the model by `builder.input`, and computes from them. */
export type OnnxBinding = (builder: OnnxBuilder, leaf: Value) => OnnxValue;

export interface OnnxExport {
  readonly graph: Graph;
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** Default {@link onnxF32}. */
  readonly flavour?: OnnxFlavour | undefined;
  /** By input of the graph; default: an input of the same name, dtype and shape. */
  readonly inputs?: Readonly<Record<string, OnnxBinding>> | undefined;
  /** By State of the graph: what it holds before the run. Without one, a graph with that State is refused. */
  readonly states?: Readonly<Record<string, OnnxBinding>> | undefined;
  /** By State: gives what it holds after the run as outputs of the model, by `declareOutput`. */
  readonly updates?: Readonly<Record<string, (builder: OnnxBuilder, value: OnnxValue, state: Value) => void>> | undefined;
  /** Name of an initializer in the file; default: the weight's own. */
  readonly nameOf?: ((weight: string) => string) | undefined;
  /** Weights that the graph does not read and the file holds all the same, so that it can be read as the whole model again. */
  readonly aside?: readonly string[] | undefined;
  readonly packs?: readonly OnnxPack[] | undefined;
  /** Kept in the model's `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface OnnxFileOptions {
  /** Bytes of all tensors from which on they go to `<file>_data`. Default 2·10⁹; protobuf ends at 2³¹. */
  readonly externalFrom?: number | undefined;
}

export interface OnnxWritten {
  readonly opset: number;
  readonly flavour: string;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** The file with the tensors where they are not in the model file. */
  readonly external: string | undefined;
  /** What was written otherwise than it is stored. */
  readonly notes: readonly OnnxNote[];
}

/**
 * Writes the graph as an ONNX model (opset {@link ONNX_OPSET}), streaming one weight at a time. Named dimensions become dynamic axes.
 *
 * Throws `formats/onnx-lowering-missing` for an op nobody lowers, `onnx-state-unbound`, `onnx-dim-unbound`, `onnx-weight-unknown`, and
 * what reading a weight throws; nothing then stands under the file's name.
 */
export async function writeOnnx(
  files: FileSet,
  file: string,
  model: OnnxExport,
  { externalFrom = 2e9 }: OnnxFileOptions = {},
): Promise<OnnxWritten> {
  const { flavour = onnxF32, metadata = {} } = model;
  const builder = buildOnnx(model);
  const emitted = await emitModel(files, file, builder, { producerVersion: VERSION, metadata, externalFrom });
  return { opset: ONNX_OPSET, flavour: flavour.id, ...emitted, notes: builder.notes };
}

/** The nodes and initializers of a model; reads no weight. */
export function buildOnnx(model: OnnxExport): OnnxBuilder {
  const { graph, weights, flavour = onnxF32, nameOf = (weight) => weight } = model;
  const builder = new OnnxBuilder({ weights, float: flavour.float, opset: ONNX_OPSET, nameOf });
  const lowerings = new Map([...LOWERINGS, ...(model.packs ?? []).flatMap((pack) => pack.lowerings)].map((one) => [one.op, one]));
  const walk: Walk = { model, flavour, builder, lowerings, values: new Map(), uses: usesOf(graph) };
  const live = liveNodes(graph);
  // Inputs first: dimensions are known by them.
  for (const node of graph.nodes) if (node.kind === "leaf" && (live.has(node) || isBound(model, node))) declareLeaf(walk, node);
  for (const node of graph.nodes) if (node.kind === "op" && live.has(node)) lowerNode(walk, node);
  for (const [name, value] of Object.entries(graph.outputs)) declareOutput(builder, name, valueOf(walk, value), value);
  for (const [name, update] of Object.entries(model.updates ?? {})) {
    const value = graph.updates[name];
    if (value !== undefined) update(builder, valueOf(walk, value), value);
  }
  prune(builder);
  for (const weight of model.aside ?? []) denseInitializer(builder, weight, storedOf(walk, weight));
  return builder;
}

/** Makes `value` an output of the model under this name; floats leave as f32. */
export function declareOutput(
  builder: OnnxBuilder,
  name: string,
  value: OnnxValue,
  { dtype, shape }: Pick<Value, "dtype" | "shape">,
): void {
  const narrow = dtype === "f32" && builder.float === "f16";
  builder.node(narrow ? "Cast" : "Identity", [value], narrow ? { to: 1 } : {}, { outputs: [builder.fresh(name)] });
  builder.output(name, dtype, shape);
}

/** An input of the model of this name; f32 ones are cast to the model's type. */
export function declareInput(builder: OnnxBuilder, name: string, { dtype, shape }: Pick<Value, "dtype" | "shape">): OnnxValue {
  const input = builder.input(name, dtype, shape);
  return dtype === "f32" && builder.float === "f16" ? builder.cast(input, "f16") : input;
}

interface Walk {
  readonly model: OnnxExport;
  readonly flavour: OnnxFlavour;
  readonly builder: OnnxBuilder;
  readonly lowerings: ReadonlyMap<string, OnnxLowering>;
  readonly values: Map<number, OnnxValue>;
  /** By weight: the ops that read it as a whole. */
  readonly uses: ReadonlyMap<string, ReadonlySet<string>>;
}

function weightOf(value: Value | undefined): string | undefined {
  return value?.node.kind === "leaf" && value.node.leaf.kind === "weight" && value.node.leaf.part === undefined
    ? value.node.leaf.name
    : undefined;
}

function usesOf(graph: Graph): Map<string, Set<string>> {
  const uses = new Map<string, Set<string>>();
  for (const node of graph.nodes) {
    if (node.kind !== "op") continue;
    for (const value of Object.values(node.inputs)) {
      const weight = weightOf(value);
      if (weight !== undefined) uses.set(weight, (uses.get(weight) ?? new Set()).add(node.op.name));
    }
  }
  return uses;
}

function lowerNode(walk: Walk, node: OpNode): void {
  const { builder, lowerings } = walk;
  const weight = weightOf(node.inputs["weight"]);
  const byFlavour = weight !== undefined && (node.op.name === "linear" || node.op.name === "rows");
  const outputs = builder.within(scopeOf(node, weight), () => {
    if (byFlavour) return lowerWeightNode(walk, node, weight);
    const lowering = lowerings.get(node.op.name);
    if (lowering === undefined) throw onnxLoweringMissing({ field: node.op.name, near: nearNames(node.op.name, lowerings.keys()) });
    const inputs = Object.entries(node.inputs).map(([name, value]) => [name, value && valueOf(walk, value)]);
    return lowering.lower(builder, Object.fromEntries(inputs), node);
  });
  for (const [name, value] of Object.entries(node.outputs)) {
    const found = outputs[name];
    if (found !== undefined) walk.values.set(value.id, found);
  }
}

/** Nodes stand under the weight they read. */
function scopeOf(node: OpNode, weight: string | undefined): string {
  return (
    weight ??
    Object.values(node.inputs)
      .map(weightOf)
      .find((name) => name !== undefined) ??
    ""
  );
}

function lowerWeightNode(walk: Walk, node: OpNode, weight: string): Readonly<Record<string, OnnxValue>> {
  const { builder, flavour, lowerings, uses } = walk;
  const stored = storedOf(walk, weight);
  const linear = node.op.name === "linear";
  const traced = node.inputs[linear ? "x" : "ids"]!;
  const tied = [...uses.get(weight)!].some((op) => op !== node.op.name);
  const at = { weight, stored, name: builder.nameOf(weight), x: valueOf(walk, traced), traced, tied };
  if (!linear) return { y: flavour.rows(builder, at) };
  const product = flavour.linear(builder, at);
  const { bias, residual } = node.inputs;
  const given = (value: Value | undefined): OnnxValue | undefined => value && valueOf(walk, value);
  return lowerings.get("linear")!.lower(builder, { product, bias: given(bias), residual: given(residual) }, node);
}

function storedOf({ model: { weights } }: Walk, weight: string): StoredWeight {
  const stored = weights.get(weight);
  if (stored === undefined) throw onnxWeightUnknown({ field: weight, near: nearNames(weight, weights.keys()) });
  return stored;
}

/** Whoever binds an input gives it, whether the graph reads it or not. */
function isBound({ inputs }: OnnxExport, { leaf }: LeafNode): boolean {
  return leaf.kind === "input" && inputs?.[leaf.name] !== undefined;
}

function declareLeaf(walk: Walk, { leaf, value }: LeafNode): void {
  if (leaf.kind === "input" || leaf.kind === "state") valueOf(walk, value);
}

/** What stands for a value of the graph. Weights and constants are made when they are first read. */
function valueOf(walk: Walk, value: Value): OnnxValue {
  const known = walk.values.get(value.id);
  if (known !== undefined) return known;
  const { node } = value;
  if (node.kind === "op") throw onnxOutputUnread({ field: `${node.op.name}.${value.output}` });
  const made = walk.builder.within("", () => leafOf(walk, node, value));
  walk.values.set(value.id, made);
  return made;
}

function leafOf(walk: Walk, { leaf }: LeafNode, value: Value): OnnxValue {
  const { builder, model } = walk;
  if (leaf.kind === "weight") return denseInitializer(builder, leaf.name, storedOf(walk, leaf.name));
  if (leaf.kind === "constant") {
    const { dtype, shape, data } = leaf.tensor;
    if (dtype === "f32") return builder.floats(shape, data as Float32Array);
    return builder.constant(dtype, shape, bytesOf(data));
  }
  const binding = (leaf.kind === "input" ? model.inputs : model.states)?.[leaf.name];
  if (binding !== undefined) return binding(builder, value);
  if (leaf.kind === "state") throw onnxStateUnbound({ field: leaf.name });
  if (!["f32", "i32", "u8"].includes(value.dtype))
    throw onnxTypeUnsupported({ field: leaf.name, expected: "f32, i32 or u8", found: value.dtype });
  return declareInput(builder, leaf.name, value);
}

/** Without the nodes and initializers that lead to no output. */
function prune(builder: OnnxBuilder): void {
  const read = new Set(builder.outputs.map(({ name }) => name!));
  const kept = [...builder.nodes].reverse().filter((node) => {
    const live = node.output!.some((value) => read.has(value));
    if (live) node.input!.forEach((value) => read.add(value));
    return live;
  });
  builder.nodes.splice(0, builder.nodes.length, ...kept.reverse());
  for (const name of builder.initializers.keys()) if (!read.has(name)) builder.initializers.delete(name);
}
