/** The weights of an ONNX model, told apart by what the graph does with them. */
import type { FileSet } from "@pare/core";
import { affineWeight, denseWeight, sizeOf, type HostTensor, type StoredWeight, type TensorSource } from "@pare/tensor-core";
import { unsignedCodes } from "../eight-bits.ts";
import { onnxInvalid } from "../errors.ts";
import { at } from "../named-tensors.ts";
import type { OnnxNode } from "./proto.ts";
import { readSkeleton, type Skeleton } from "./skeleton.ts";
import { tensorSources } from "./tensors.ts";
import { transposed } from "./weights.ts";

export interface OnnxWeight {
  /** What it may be called, the likeliest first: the initializer's name, then what a bias or the names of nodes say. */
  readonly names: readonly string[];
  /** Matrices as `[out, in]`, whichever way the file has them. */
  readonly stored: StoredWeight;
}

export interface OnnxContent {
  /** `folder/file`, for messages. */
  readonly file: string;
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly weights: readonly OnnxWeight[];
}

/**
 * Reads a model file's structure, and no weight. Every tensor must account for its bytes, external ones inside the model's folder, and every
 * value that a node reads must be there before it.
 *
 * Throws `formats/onnx-invalid`, `file-truncated`, `offsets-invalid`, `offsets-outside-file`, `dtype-unsupported`.
 */
export async function readOnnx(files: FileSet, name: string): Promise<OnnxContent> {
  const skeleton = await readSkeleton(files, name);
  const file = at(files, name);
  const sources = await tensorSources({ files, name }, skeleton.initializers);
  const reader = new Reader(file, skeleton, sources);
  const { model } = skeleton;
  return {
    file,
    producer: model.producerName,
    opsets: Object.fromEntries(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])),
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
    inputs: model.graph!.input.map((input) => input.name).filter((input) => !sources.has(input)),
    outputs: model.graph!.output.map((output) => output.name),
    weights: reader.weights(),
  };
}

/**
 * The module that a node was traced in. PyTorch's older exporter says it in the node's name,
 * "/encoder/layer.0/attention/self/query/MatMul", its newer one beside it, "['', 'encoder', …, 'encoder.layer.0.attention.self.query',
 * 'linear']", the op itself last.
 */
function moduleOf({ name, metadataProps }: OnnxNode): string | undefined {
  const scopes = metadataProps.find(({ key }) => key === "pkg.torch.onnx.name_scopes")?.value;
  const module =
    scopes === undefined
      ? name
          .split("/")
          .slice(0, -1)
          .filter((part) => part !== "")
          .join(".")
      : [...scopes.matchAll(/'([^']*)'/g)].at(-2)?.[1];
  return module === "" ? undefined : module;
}

interface Use {
  readonly node: OnnxNode;
  readonly index: number;
}

class Reader {
  private readonly file: string;
  private readonly sources: ReadonlyMap<string, TensorSource>;
  private readonly nodes: readonly OnnxNode[];
  /** By value: who reads it. */
  private readonly uses = new Map<string, Use[]>();
  private readonly taken = new Set<string>();

  constructor(file: string, { model }: Skeleton, sources: ReadonlyMap<string, TensorSource>) {
    this.file = file;
    this.sources = sources;
    const { graph, irVersion, opsetImport } = model;
    const fail = (field: string, expected: string, found: string): Error => onnxInvalid({ file, field, expected, found });
    if (irVersion < 3n || irVersion > 100n) throw fail("ir_version", "3 or more", String(irVersion));
    const opset = opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
    if (opset === undefined || opset.version < 1n || opset.version > 1000n)
      throw fail("opset_import", "ONNX's own operator set", String(opset?.version ?? "none"));
    const domains = new Set(opsetImport.map(({ domain }) => (domain === "ai.onnx" ? "" : domain)));
    this.nodes = graph!.node;
    const known = new Set([...sources.keys(), ...graph!.input.map((input) => input.name)]);
    for (const node of this.nodes) {
      if (node.opType === "" || !domains.has(node.domain === "ai.onnx" ? "" : node.domain)) {
        throw fail(node.name || "node", "an op of an operator set that the model imports", `${node.domain}:${node.opType}`);
      }
      for (const [index, value] of node.input.entries()) {
        if (value === "") continue;
        if (!known.has(value)) throw fail(node.name || node.opType, "inputs that are known before", JSON.stringify(value));
        const uses = this.uses.get(value);
        if (uses === undefined) this.uses.set(value, [{ node, index }]);
        else uses.push({ node, index });
      }
      for (const value of node.output) {
        if (value === "") continue;
        if (known.has(value)) throw fail(node.name || node.opType, "outputs of a name of their own", JSON.stringify(value));
        known.add(value);
      }
    }
    const missing = graph!.output.find((output) => !known.has(output.name));
    if (missing !== undefined || graph!.output.length === 0) throw fail("graph.output", "values that nodes give", missing?.name ?? "none");
  }

  weights(): OnnxWeight[] {
    const quantized = this.nodes.flatMap((node) => this.quantized(node) ?? []);
    const plain = [...this.sources].flatMap(([name, source]) => (this.taken.has(name) ? [] : (this.plain(name, source) ?? [])));
    // A weight that the file holds both ways was rounded for one of its uses: the floats are what it was.
    return [...plain, ...quantized];
  }

  /** A weight in floats, turned where a product reads it turned. */
  private plain(name: string, source: TensorSource): OnnxWeight | undefined {
    if (!["f32", "f16", "bf16", "f64"].includes(source.dtype) || source.shape.length === 0) return undefined;
    const product = source.shape.length === 2 ? this.productOf(name) : undefined;
    const stored = denseWeight(product?.turned === true ? turned(source) : source);
    const guessed = product === undefined ? [] : this.namesBy(product.node);
    // A table that is a layer's matrix as well goes by one of its names.
    const lookUp = this.uses.get(name)?.find(({ node, index }) => node.opType === "Gather" && index === 0);
    const table = lookUp === undefined ? undefined : moduleOf(lookUp.node);
    return { names: [name, ...guessed, ...(table === undefined ? [] : [`${table}.weight`])], stored };
  }

  /** The matrix product that reads a value as its right side; `turned`: as `[in, out]`. */
  private productOf(value: string, seen: Set<OnnxNode> = new Set()): { readonly node: OnnxNode; readonly turned: boolean } | undefined {
    for (const { node, index } of this.uses.get(value) ?? []) {
      if (seen.has(node)) continue;
      seen.add(node);
      if (node.opType === "MatMul" && index === 1) return { node, turned: true };
      if (node.opType === "Gemm" && index === 1) return { node, turned: intOf(node, "transB") !== 1 };
      if (node.opType === "Transpose") {
        const behind = this.productOf(node.output[0]!, seen);
        if (behind !== undefined) return { node: behind.node, turned: !behind.turned };
      }
      if (node.opType === "Cast" || node.opType === "Identity") {
        const behind = this.productOf(node.output[0]!, seen);
        if (behind !== undefined) return behind;
      }
    }
    return undefined;
  }

  /** What the bias that is added to a product, or the place of its node in the traced modules, says of the weight. */
  private namesBy(product: OnnxNode): string[] {
    const names: string[] = [];
    const bias = product.opType === "Gemm" ? product.input[2] : this.addedTo(product.output[0]!);
    if (bias?.endsWith(".bias")) names.push(bias.replace(/\.bias$/, ".weight"));
    const module = moduleOf(product);
    if (module !== undefined) names.push(`${module}.weight`);
    return names;
  }

  /** The initializer that is added to a value, through casts and scalings. */
  private addedTo(value: string, seen: Set<OnnxNode> = new Set()): string | undefined {
    for (const { node } of this.uses.get(value) ?? []) {
      if (seen.has(node)) continue;
      seen.add(node);
      if (node.opType === "Add") return node.input.find((input) => this.sources.has(input));
      if (node.opType === "Cast" || node.opType === "Mul") return this.addedTo(node.output[0]!, seen);
    }
    return undefined;
  }

  /** The weight that a node reads in codes; undefined: the node reads none. */
  private quantized(node: OnnxNode): OnnxWeight | undefined {
    if (node.opType === "MatMulInteger") return this.integerProduct(node);
    if (node.opType === "DequantizeLinear" && this.sources.has(node.input[0]!)) return this.dequantized(node);
    if (node.opType === "MatMulNBits") return this.blocks(node);
    if (node.opType === "Gather" && this.sources.get(node.input[0]!)?.dtype === "u8") return this.codedRows(node);
    return undefined;
  }

  private integerProduct(node: OnnxNode): OnnxWeight | undefined {
    const codes = this.sources.get(node.input[1]!);
    if (codes === undefined) return undefined;
    const sums = this.uses.get(node.output[0]!)?.find((use) => use.node.opType === "Cast")?.node.output[0];
    const scaled = sums === undefined ? undefined : this.uses.get(sums)?.find((use) => use.node.opType === "Mul")?.node;
    const product = scaled?.input.find((input) => input !== sums);
    const scales = this.nodes
      .find((one) => one.opType === "Mul" && one.output[0] === product)
      ?.input.find((input) => this.sources.has(input));
    if (scales === undefined) throw this.unreadable(node, "a scale that the sums are multiplied with");
    return this.perOutput(node, node.input[1]!, scales, node.input[3], scaled!);
  }

  private dequantized(node: OnnxNode): OnnxWeight | undefined {
    const [codes, scales, zeroPoints] = node.input as [string, string, string?];
    const product = this.productOf(node.output[0]!);
    if (product === undefined || !product.turned) throw this.unreadable(node, "a matrix product that reads it");
    return this.perOutput(node, codes, scales, zeroPoints, product.node);
  }

  /** Codes `[in, out]` with a scale and a zero point per output, or one for all. */
  private perOutput(node: OnnxNode, codesName: string, scalesName: string, zeroName: string | undefined, product: OnnxNode): OnnxWeight {
    const [codes, scales] = [this.sources.get(codesName)!, this.sources.get(scalesName)!];
    const zeroPoints = zeroName === undefined || zeroName === "" ? undefined : this.sources.get(zeroName);
    const [features, out] = codes.shape as [number, number];
    const eight = codes.shape.length === 2 && (codes.dtype === "i8" || codes.dtype === "u8");
    const fits = (source: TensorSource): boolean => sizeOf(source.shape) === out || sizeOf(source.shape) === 1;
    if (
      !eight ||
      scales.dtype !== "f32" ||
      !fits(scales) ||
      (zeroPoints !== undefined && (!fits(zeroPoints) || zeroPoints.dtype !== codes.dtype))
    ) {
      throw this.unreadable(node, "8-bit codes with one scale and one zero point per output");
    }
    for (const name of [codesName, scalesName, zeroName ?? ""]) this.taken.add(name);
    const shift = codes.dtype === "i8" ? 128 : 0;
    const grid = sizeOf(scales.shape) === 1 ? [1, 1] : [out, 1];
    const unsigned = (data: HostTensor["data"]): Uint8Array => (shift === 0 ? (data as Uint8Array) : unsignedCodes(data as Int8Array));
    const stored = affineWeight({
      shape: [out, features],
      bits: 8,
      groupSize: features,
      codes: derived("u8", [out, features], async () => unsigned(transposed((await codes.read()).data, features, out))),
      scales: derived("f32", grid, async () => (await scales.read()).data),
      zeroPoints: derived("u8", grid, async () => {
        if (zeroPoints === undefined) return new Uint8Array(sizeOf(grid)).fill(shift);
        const given = unsigned((await zeroPoints.read()).data);
        return given.length === sizeOf(grid) ? given : new Uint8Array(sizeOf(grid)).fill(given[0]!);
      }),
    });
    return { names: [codesName.replace(/_quantized$/, ""), ...this.namesBy(product)], stored };
  }

  private blocks(node: OnnxNode): OnnxWeight | undefined {
    const [, codesName, scalesName, zeroName] = node.input as [string, string, string, string?];
    const [codes, scales] = [this.sources.get(codesName), this.sources.get(scalesName)];
    const zeroPoints = zeroName === undefined || zeroName === "" ? undefined : this.sources.get(zeroName);
    const [out, features, groupSize] = [intOf(node, "N") ?? 0, intOf(node, "K") ?? 0, intOf(node, "block_size") ?? 0];
    const groups = Math.ceil(features / groupSize);
    const pairs = Math.ceil(groups / 2);
    const holds =
      (intOf(node, "bits") ?? 4) === 4 &&
      out > 0 &&
      features > 0 &&
      groupSize >= 16 &&
      Number.isInteger(Math.log2(groupSize)) &&
      codes?.dtype === "u8" &&
      sizeOf(codes.shape) === (out * groups * groupSize) / 2 &&
      scales?.dtype === "f32" &&
      sizeOf(scales.shape) === out * groups &&
      (zeroName === undefined || zeroName === "" || (zeroPoints?.dtype === "u8" && sizeOf(zeroPoints.shape) === out * pairs));
    if (!holds) throw this.unreadable(node, "4-bit codes, f32 scales and packed zero points that fit N, K and block_size");
    for (const name of [codesName, scalesName, zeroName ?? ""]) this.taken.add(name);
    const width = Math.ceil(features / 2);
    const stride = (groups * groupSize) / 2;
    const stored = affineWeight({
      shape: [out, features],
      bits: 4,
      groupSize: Math.min(groupSize, features),
      codes: derived("u8", [out, width], async () => {
        const data = (await codes.read()).data as Uint8Array;
        const packed = new Uint8Array(out * width);
        for (let row = 0; row < out; row++) packed.set(data.subarray(row * stride, row * stride + width), row * width);
        return packed;
      }),
      scales: derived("f32", [out, groups], async () => (await scales.read()).data),
      ...(zeroPoints === undefined
        ? {}
        : {
            zeroPoints: derived("u8", [out, groups], async () => {
              const data = (await zeroPoints.read()).data as Uint8Array;
              return Uint8Array.from({ length: out * groups }, (_, at) => {
                const block = at % groups;
                return (data[Math.floor(at / groups) * pairs + (block >> 1)]! >> (4 * (block & 1))) & 15;
              });
            }),
          }),
    });
    return { names: [codesName.replace(/_Q4(G\d+)?$/, ""), ...this.namesBy(node)], stored };
  }

  /** Rows of codes: (Gather(codes) − zero point)·Gather(scales), the zero point one number or gathered as well. */
  private codedRows(node: OnnxNode): OnnxWeight | undefined {
    const [codesName] = node.input as [string];
    const codes = this.sources.get(codesName)!;
    const next = (value: string | undefined, opType: string): OnnxNode | undefined =>
      value === undefined ? undefined : this.uses.get(value)?.find((use) => use.node.opType === opType)?.node;
    const less = next(next(node.output[0], "Cast")?.output[0], "Sub");
    const scaled = next(less?.output[0], "Mul");
    const scales = this.gatheredInto(scaled?.input[1]);
    // Zero points are tables of codes, too: nobody subtracts from them.
    if (less === undefined || scales === undefined) return undefined;
    const zeroCast = this.nodes.find((one) => one.opType === "Cast" && one.output[0] === less.input[1]);
    const zeroPoints = this.gatheredInto(zeroCast?.input[0]);
    const [out, features] = codes.shape as [number, number];
    const fits = (name: string, dtype: string): boolean => {
      const source = this.sources.get(name)!;
      return source.dtype === dtype && source.shape.join() === `${out},1`;
    };
    if (codes.shape.length !== 2 || !fits(scales, "f32") || (zeroPoints !== undefined && !fits(zeroPoints, "u8"))) {
      throw this.unreadable(node, "8-bit codes with one scale per row");
    }
    for (const name of [codesName, scales, zeroPoints ?? ""]) this.taken.add(name);
    const parts = {
      codes,
      scales: this.sources.get(scales)!,
      zeroPoints: zeroPoints === undefined ? undefined : this.sources.get(zeroPoints),
    };
    return {
      names: [codesName.replace(/_codes$/, "")],
      stored: affineWeight({ shape: [out, features], bits: 8, groupSize: features, ...parts }),
    };
  }

  /** The initializer whose rows a value holds. */
  private gatheredInto(value: string | undefined): string | undefined {
    const table = value === undefined ? undefined : this.nodes.find((one) => one.opType === "Gather" && one.output[0] === value)?.input[0];
    return table !== undefined && this.sources.has(table) ? table : undefined;
  }

  private unreadable(node: OnnxNode, expected: string): Error {
    return onnxInvalid({ file: this.file, field: node.name || node.opType, expected, found: `${node.opType} of another kind` });
  }
}

function intOf(node: OnnxNode, name: string): number | undefined {
  const attribute = node.attribute.find((one) => one.name === name);
  return attribute === undefined ? undefined : Number(attribute.i);
}

function derived(dtype: TensorSource["dtype"], shape: readonly number[], make: () => Promise<HostTensor["data"]>): TensorSource {
  const bytes = sizeOf(shape) * (dtype === "f32" ? 4 : dtype === "f64" ? 8 : dtype === "u8" ? 1 : 2);
  return { dtype, shape, bytes, read: async () => ({ dtype, shape, data: await make() }) };
}

function turned(source: TensorSource): TensorSource {
  const [rows, columns] = source.shape as [number, number];
  return derived(source.dtype, [columns, rows], async () => transposed((await source.read()).data, rows, columns));
}
