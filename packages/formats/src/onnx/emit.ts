/** Writes a model file as a stream: whatever its size, one weight is in memory at a time. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { FileSet } from "@pare/core";
import { showShape, type TensorSource } from "@pare/tensor-core";
import { dataChanged } from "../errors.ts";
import { at } from "../named-tensors.ts";
import type { OnnxBuilder } from "./builder.ts";
import { encodeMessage, FIELD, type OnnxEntry } from "./proto.ts";
import { bytesOf, ONNX_TYPES } from "./types.ts";

/** IR version 9 belongs to opset 20. */
const IR_VERSION = 9n;

/** Where external tensors begin, so that runtimes can map them. */
const ALIGNMENT = 4096;

/** Smaller tensors stay in the model file even where others leave it: runtimes read shapes and axes before they open data files. */
const SMALL = 1024;

export interface EmitOptions {
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes of all tensors from which on they go to a file of their own. Protobuf ends at 2 GiB. */
  readonly externalFrom: number;
}

export interface Emitted {
  readonly bytes: number;
  /** Name of the file with external data; undefined: all is in the model file. */
  readonly external: string | undefined;
}

interface Placed {
  readonly name: string;
  readonly source: TensorSource;
  /** Where it begins in the external file; undefined: it is in the model file. */
  readonly offset: number | undefined;
}

export async function emitModel(files: FileSet, file: string, builder: OnnxBuilder, options: EmitOptions): Promise<Emitted> {
  const sources = [...builder.initializers];
  const total = sources.reduce((sum, [, source]) => sum + source.bytes, 0);
  const external = total >= options.externalFrom ? `${file}_data` : undefined;
  const placed = place(sources, external !== undefined);
  // The data first: a model file never stands without what it points to.
  if (external !== undefined) await files.write(external, externalChunks(at(files, external), placed));
  await files.write(file, modelChunks(at(files, file), builder, placed, external, options));
  return { bytes: total, external };
}

function place(sources: readonly (readonly [string, TensorSource])[], external: boolean): Placed[] {
  let end = 0;
  return sources.map(([name, source]) => {
    if (!external || source.bytes < SMALL) return { name, source, offset: undefined };
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + source.bytes;
    return { name, source, offset };
  });
}

async function* externalChunks(file: string, placed: readonly Placed[]): AsyncIterable<Uint8Array> {
  let end = 0;
  for (const { name, source, offset } of placed) {
    if (offset === undefined) continue;
    if (offset > end) yield new Uint8Array(offset - end);
    yield await readBytes(file, name, source);
    end = offset + source.bytes;
  }
}

async function* modelChunks(
  file: string,
  builder: OnnxBuilder,
  placed: readonly Placed[],
  external: string | undefined,
  options: EmitOptions,
): AsyncIterable<Uint8Array> {
  yield encodeMessage("ModelProto", {
    irVersion: IR_VERSION,
    producerName: "pare",
    producerVersion: options.producerVersion,
    opsetImport: [...builder.domains].map((domain) => ({ domain, version: domain === "" ? BigInt(builder.opset) : 1n })),
    metadataProps: Object.entries(options.metadata).map(([key, value]) => ({ key, value })),
  });
  const { nodes: node, inputs: input, outputs: output } = builder;
  const graph = encodeMessage("GraphProto", { name: "pare", node, input, output });
  const tensors = placed.map((one) => ({ ...one, header: tensorHeader(one, external) }));
  const length = tensors.reduce(
    (sum, { header, source, offset }) => sum + header.length + (offset === undefined ? source.bytes : 0),
    graph.length,
  );
  yield lengthDelimited(FIELD.modelGraph, length);
  yield graph;
  for (const { name, source, offset, header } of tensors) {
    yield header;
    if (offset === undefined) yield await readBytes(file, name, source);
  }
}

/** Field number and length of what follows. */
function lengthDelimited(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

/** An initializer of the graph up to where its raw data begin. */
function tensorHeader({ name, source, offset }: Placed, external: string | undefined): Uint8Array {
  const where: OnnxEntry[] =
    offset === undefined
      ? []
      : [
          { key: "location", value: external!.slice(external!.lastIndexOf("/") + 1) },
          { key: "offset", value: String(offset) },
          { key: "length", value: String(source.bytes) },
        ];
  const tensor = encodeMessage("TensorProto", {
    name,
    dataType: ONNX_TYPES[source.dtype],
    dims: source.shape.map(BigInt),
    ...(offset === undefined ? {} : { externalData: where, dataLocation: 1 }),
  });
  const raw = offset === undefined ? lengthDelimited(FIELD.tensorRawData, source.bytes) : new Uint8Array(0);
  const data = offset === undefined ? source.bytes : 0;
  const header = lengthDelimited(FIELD.graphInitializer, tensor.length + raw.length + data);
  return new BinaryWriter().raw(header).raw(tensor).raw(raw).finish();
}

async function readBytes(file: string, name: string, source: TensorSource): Promise<Uint8Array> {
  const { dtype, shape, data } = await source.read();
  if (data.byteLength !== source.bytes) {
    const expected = `${source.dtype} ${showShape(source.shape)}`;
    throw dataChanged({ file, field: name, expected, found: `${dtype} ${showShape(shape)}` });
  }
  return bytesOf(data);
}
