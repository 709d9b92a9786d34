/** ONNX models of a few nodes, for the peers that run such. Field numbers are those of onnx.proto3. */
import protobuf from "protobufjs";

const SCHEMA = `
syntax = "proto3";
message Model { int64 irVersion = 1; string producer = 2; Graph graph = 7; repeated Opset opsets = 8; }
message Opset { string domain = 1; int64 version = 2; }
message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; repeated Info input = 11; repeated Info output = 12; }
message Node { repeated string input = 1; repeated string output = 2; string name = 3; string opType = 4; repeated Attribute attribute = 5; string domain = 7; }
message Attribute { string name = 1; float f = 2; int64 i = 3; bytes s = 4; repeated int64 ints = 8; int32 type = 20; }
message Tensor { repeated int64 dims = 1; int32 dataType = 2; string name = 8; bytes rawData = 9; }
message Info { string name = 1; Type type = 2; }
message Type { TensorType tensorType = 1; }
message TensorType { int32 elemType = 1; Shape shape = 2; }
message Shape { repeated Dim dim = 1; }
message Dim { int64 dimValue = 1; }
`;
const MODEL = protobuf.parse(SCHEMA).root.lookupType("Model");

const ELEMENTS = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7 } as const;
export type Element = keyof typeof ELEMENTS;

export interface OnnxTensor {
  readonly element: Element;
  readonly shape: readonly number[];
}

export interface OnnxNode {
  readonly op: string;
  readonly domain?: "com.microsoft" | undefined;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers become integers; a real number is wrapped: `{ f: 1 }`. */
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | { readonly f: number }>> | undefined;
}

export interface OnnxGraph {
  readonly inputs: Readonly<Record<string, OnnxTensor>>;
  readonly outputs: Readonly<Record<string, OnnxTensor>>;
  readonly weights: Readonly<Record<string, OnnxTensor & { readonly data: ArrayBufferView }>>;
  readonly nodes: readonly OnnxNode[];
}

export function onnxModel({ inputs, outputs, weights, nodes }: OnnxGraph): Uint8Array {
  const infos = (values: Readonly<Record<string, OnnxTensor>>): unknown[] =>
    Object.entries(values).map(([name, { element, shape }]) => ({
      name,
      type: { tensorType: { elemType: ELEMENTS[element], shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
    }));
  const graph = {
    name: "bench",
    input: infos(inputs),
    output: infos(outputs),
    initializer: Object.entries(weights).map(([name, { element, shape, data }]) => ({
      name,
      dims: shape,
      dataType: ELEMENTS[element],
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    })),
    node: nodes.map(({ op, domain, inputs: input, outputs: output, attributes = {} }, index) => ({
      name: `${index} ${op}`,
      opType: op,
      domain: domain ?? "",
      input,
      output,
      attribute: Object.entries(attributes).map(attributeOf),
    })),
  };
  const opsets = [
    { domain: "", version: 20 },
    { domain: "com.microsoft", version: 1 },
  ];
  return MODEL.encode(MODEL.fromObject({ irVersion: 9, producer: "pare-bench", opsets, graph })).finish();
}

function attributeOf([name, value]: [string, number | string | readonly number[] | { readonly f: number }]): unknown {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  return "f" in value ? { name, type: 1, f: value.f } : { name, type: 7, ints: value };
}
