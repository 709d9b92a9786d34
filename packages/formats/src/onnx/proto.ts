/**
 * The messages of ONNX that are written and read, as onnx.proto (proto2, IR version 3 and later) numbers them.
 *
 * By @bufbuild/protobuf: Apache-2.0 and BSD-3, no dependency, no install script, kept up by the makers of Buf; it takes a descriptor at
 * run time and interprets it, so that no generated code is committed. protobufjs makes its coders with `Function`, which pages with a
 * content security policy refuse; onnx-proto is protobufjs 6 with a generated file of 2022. All three hold a message in one array, of at
 * most 2 GiB as protobuf itself says: `emit.ts` frames weights one by one with this library's own writer instead.
 */
import { create, createFileRegistry, fromBinary, toBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label as Label, FieldDescriptorProto_Type as Type, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

export interface OnnxEntry {
  key: string;
  value: string;
}

export interface OnnxTensor {
  dims: bigint[];
  dataType: number;
  floatData: number[];
  int32Data: number[];
  int64Data: bigint[];
  doubleData: number[];
  uint64Data: bigint[];
  stringData: Uint8Array[];
  name: string;
  rawData: Uint8Array;
  externalData: OnnxEntry[];
  /** 0: in the file; 1: in another. */
  dataLocation: number;
}

export interface OnnxAttribute {
  name: string;
  type: number;
  f: number;
  i: bigint;
  s: Uint8Array;
  t?: OnnxTensor;
  g?: OnnxGraph;
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
}

export interface OnnxNode {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  domain: string;
  attribute: OnnxAttribute[];
  metadataProps: OnnxEntry[];
}

export interface OnnxDimension {
  dimValue?: bigint;
  dimParam?: string;
}

export interface OnnxValueInfo {
  name: string;
  type?: { tensorType?: { elemType: number; shape?: { dim: OnnxDimension[] } } };
}

export interface OnnxGraph {
  node: OnnxNode[];
  name: string;
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
}

export interface OnnxModel {
  irVersion: bigint;
  producerName: string;
  producerVersion: string;
  graph?: OnnxGraph;
  opsetImport: { domain: string; version: bigint }[];
  metadataProps: OnnxEntry[];
}

/** Field number, type and label of each field by message; `*` repeated, `#` repeated and packed. */
const MESSAGES: Readonly<Record<string, string>> = {
  ModelProto: `ir_version 1 int64, producer_name 2 string, producer_version 3 string, domain 4 string, model_version 5 int64,
    doc_string 6 string, graph 7 GraphProto, opset_import 8 *OperatorSetIdProto, metadata_props 14 *StringStringEntryProto`,
  OperatorSetIdProto: "domain 1 string, version 2 int64",
  StringStringEntryProto: "key 1 string, value 2 string",
  GraphProto: `node 1 *NodeProto, name 2 string, initializer 5 *TensorProto, doc_string 10 string, input 11 *ValueInfoProto,
    output 12 *ValueInfoProto, value_info 13 *ValueInfoProto`,
  NodeProto: `input 1 *string, output 2 *string, name 3 string, op_type 4 string, attribute 5 *AttributeProto, domain 7 string,
    metadata_props 9 *StringStringEntryProto`,
  AttributeProto: `name 1 string, f 2 float, i 3 int64, s 4 bytes, t 5 TensorProto, g 6 GraphProto, floats 7 *float, ints 8 *int64,
    strings 9 *bytes, tensors 10 *TensorProto, graphs 11 *GraphProto, type 20 int32`,
  TensorProto: `dims 1 *int64, data_type 2 int32, float_data 4 #float, int32_data 5 #int32, string_data 6 *bytes, int64_data 7 #int64,
    name 8 string, raw_data 9 bytes, double_data 10 #double, uint64_data 11 #uint64, external_data 13 *StringStringEntryProto,
    data_location 14 int32`,
  ValueInfoProto: "name 1 string, type 2 TypeProto",
  TypeProto: "tensor_type 1 TensorTypeProto",
  TensorTypeProto: "elem_type 1 int32, shape 2 TensorShapeProto",
  TensorShapeProto: "dim 1 *DimensionProto",
  DimensionProto: "dim_value 1 int64, dim_param 2 string",
};

const SCALARS: Readonly<Record<string, Type>> = {
  int64: Type.INT64,
  uint64: Type.UINT64,
  int32: Type.INT32,
  float: Type.FLOAT,
  double: Type.DOUBLE,
  string: Type.STRING,
  bytes: Type.BYTES,
};

/** Numbers of the fields that carry weights, for those who frame them without the whole message. */
export const FIELD: Readonly<Record<"modelGraph" | "graphInitializer" | "tensorRawData", number>> = {
  modelGraph: 7,
  graphInitializer: 5,
  tensorRawData: 9,
};

function fieldOf(text: string): object {
  const [name, number, marked] = text.trim().split(/\s+/) as [string, string, string];
  const typeName = marked.replace(/^[*#]/, "");
  const type = SCALARS[typeName];
  return {
    name,
    number: Number(number),
    label: typeName === marked ? Label.OPTIONAL : Label.REPEATED,
    ...(type === undefined ? { type: Type.MESSAGE, typeName: `.onnx.${typeName}` } : { type }),
    ...(marked.startsWith("#") ? { options: { packed: true } } : {}),
  };
}

interface Schemas {
  readonly ModelProto: DescMessage;
  readonly GraphProto: DescMessage;
  readonly TensorProto: DescMessage;
}

let known: Schemas | undefined;

function schemas(): Schemas {
  if (known !== undefined) return known;
  const messageType = Object.entries(MESSAGES).map(([name, fields]) => ({ name, field: fields.split(",").map(fieldOf) }));
  const file = create(FileDescriptorProtoSchema, { name: "onnx.proto", package: "onnx", syntax: "proto2", messageType });
  const registry = createFileRegistry(file, () => undefined);
  const message = (name: keyof Schemas): DescMessage => registry.getMessage(`onnx.${name}`)!;
  known = { ModelProto: message("ModelProto"), GraphProto: message("GraphProto"), TensorProto: message("TensorProto") };
  return known;
}

interface Messages {
  readonly ModelProto: OnnxModel;
  readonly GraphProto: OnnxGraph;
  readonly TensorProto: OnnxTensor;
}

/** Fields left out are not written. */
export function encodeMessage<Name extends keyof Messages>(name: Name, fields: DeepPartial<Messages[Name]>): Uint8Array {
  const schema = schemas()[name];
  return toBinary(schema, create(schema, fields as never));
}

/** Throws what the library throws where the bytes are no such message. */
export function decodeMessage<Name extends keyof Messages>(name: Name, bytes: Uint8Array): Messages[Name] {
  return fromBinary(schemas()[name], bytes) as Message as unknown as Messages[Name];
}

export type DeepPartial<T> = T extends Uint8Array | bigint
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepPartial<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]?: DeepPartial<T[Key]> | undefined }
      : T;
