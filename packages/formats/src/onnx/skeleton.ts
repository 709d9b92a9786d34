/** A model file without its weights' bytes: where those lie, and all the rest as the library reads it. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { FileSet } from "@pare/core";
import { fileTruncated, onnxInvalid } from "../errors.ts";
import { at } from "../named-tensors.ts";
import { decodeMessage, FIELD, type OnnxModel, type OnnxTensor } from "./proto.ts";

/** Protobuf's own end. */
const LIMIT = 2 ** 31 - 1;

/** Bytes of a graph without raw weights at most; those of large language models have some 10 MB. */
const SKELETON_LIMIT = 2 ** 28;

/** Fields that a message has once. Protobuf takes the last of several; a file that has them was put together wrongly. */
const SINGLE: Readonly<Record<string, readonly number[]>> = {
  model: [1, 2, 3, 4, 5, 6, FIELD.modelGraph],
  graph: [2, 10],
  "graph.initializer": [2, 8, FIELD.tensorRawData, 12, 14],
};

/** Where raw bytes of a tensor lie in the file. */
export interface RawRange {
  readonly begin: number;
  readonly end: number;
}

export interface PlacedTensor {
  /** Without `rawData`. */
  readonly tensor: OnnxTensor;
  readonly raw: RawRange | undefined;
}

export interface Skeleton {
  /** Without initializers. */
  readonly model: OnnxModel;
  readonly initializers: readonly PlacedTensor[];
}

/** Reads a file piece by piece; weights are passed over. Throws `formats/onnx-invalid`, `formats/file-truncated`. */
export async function readSkeleton(files: FileSet, name: string): Promise<Skeleton> {
  const file = at(files, name);
  const size = await files.size(name);
  if (size === 0 || size > LIMIT) throw onnxInvalid({ file, field: "size", expected: `1 to ${LIMIT} bytes`, found: `${size}` });
  const scan = new Scan(files, name, size);
  const model = new BinaryWriter();
  const graph = new BinaryWriter();
  const initializers: PlacedTensor[] = [];
  let graphs = 0;
  for await (const field of scan.fields({ begin: 0, end: size }, "model")) {
    if (field.number !== FIELD.modelGraph) {
      model.raw(await scan.take(field));
      continue;
    }
    if (field.content === undefined) throw scan.invalid("graph", "a message", "another type");
    graphs += 1;
    for await (const part of scan.fields(field.content, "graph")) {
      if (part.number !== FIELD.graphInitializer) graph.raw(await scan.take(part));
      else initializers.push(await tensorOf(scan, part));
    }
  }
  const inner = graph.finish();
  if (graphs === 0) throw scan.invalid("graph", "a graph", "none");
  const whole = model.tag(FIELD.modelGraph, WireType.LengthDelimited).bytes(inner).finish();
  return { model: scan.decode("model", () => decodeMessage("ModelProto", whole)), initializers };
}

async function tensorOf(scan: Scan, { content }: Field): Promise<PlacedTensor> {
  if (content === undefined) throw scan.invalid("graph.initializer", "a message", "another type");
  const rest = new BinaryWriter();
  let raw: RawRange | undefined;
  for await (const field of scan.fields(content, "graph.initializer")) {
    if (field.number !== FIELD.tensorRawData) {
      rest.raw(await scan.take(field));
      continue;
    }
    if (field.content === undefined) throw scan.invalid("graph.initializer.raw_data", "bytes", "another type");
    raw = field.content;
  }
  const bytes = rest.finish();
  return { tensor: scan.decode("graph.initializer", () => decodeMessage("TensorProto", bytes)), raw };
}

interface Field {
  readonly number: number;
  /** From its tag on. */
  readonly begin: number;
  readonly end: number;
  /** Of a length-delimited field: what it holds. */
  readonly content: RawRange | undefined;
}

/** Bytes that hold any tag with any length. */
const HEAD = 20;
const WINDOW = 1 << 16;

class Scan {
  private readonly files: FileSet;
  private readonly name: string;
  private readonly size: number;
  private window: Uint8Array = new Uint8Array(0);
  private start = 0;
  private taken = 0;

  constructor(files: FileSet, name: string, size: number) {
    this.files = files;
    this.name = name;
    this.size = size;
  }

  invalid(field: string, expected: string, found: string): Error {
    return onnxInvalid({ file: at(this.files, this.name), field, expected, found });
  }

  decode<Message>(field: string, decode: () => Message): Message {
    try {
      return decode();
    } catch (error) {
      throw this.invalid(field, "a message of ONNX", (error as Error).message);
    }
  }

  /** The fields of a message, one after the other; they must end where it ends. */
  async *fields({ begin, end }: RawRange, message: string): AsyncGenerator<Field> {
    const seen = new Set<number>();
    for (let position = begin; position < end;) {
      const field = await this.field(position, end, message);
      if (seen.has(field.number) && SINGLE[message]!.includes(field.number))
        throw this.invalid(message, `field ${field.number} once`, "twice");
      seen.add(field.number);
      yield field;
      position = field.end;
    }
  }

  private async field(begin: number, end: number, message: string): Promise<Field> {
    const reader = new BinaryReader(await this.view(begin, Math.min(end, begin + HEAD)));
    const [number, type] = this.decode(message, () => reader.tag());
    if (type !== WireType.LengthDelimited) {
      if (type === WireType.StartGroup || type === WireType.EndGroup) throw this.invalid(message, "fields without groups", "a group");
      this.decode(message, () => reader.skip(type, number));
      return { number, begin, end: begin + reader.pos, content: undefined };
    }
    const length = this.decode(message, () => reader.uint32());
    const content = { begin: begin + reader.pos, end: begin + reader.pos + length };
    if (content.end > end) {
      const [expected, found] = [`${length} bytes`, `${end - content.begin}`];
      throw fileTruncated({ file: at(this.files, this.name), field: `${message}, field ${number}`, expected, found });
    }
    return { number, begin, end: content.end, content };
  }

  /** The bytes of a whole field, to be put together anew. */
  async take({ begin, end }: Field): Promise<Uint8Array> {
    this.taken += end - begin;
    if (this.taken > SKELETON_LIMIT) throw this.invalid("graph", `at most ${SKELETON_LIMIT} bytes beside raw weights`, `${this.taken}`);
    return (await this.view(begin, end)).slice();
  }

  private async view(begin: number, end: number): Promise<Uint8Array> {
    if (begin < this.start || end > this.start + this.window.length) {
      this.window = await this.files.read(this.name, begin, Math.min(this.size, Math.max(end, begin + WINDOW)));
      this.start = begin;
    }
    return this.window.subarray(begin - this.start, end - this.start);
  }
}
