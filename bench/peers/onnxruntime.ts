/** ONNX Runtime, native (`onnxruntime-node`, provider `cpu`) and in WebAssembly (`onnxruntime-web`, provider `wasm`), with all graph optimisations. */
import type { InferenceSession, Tensor } from "onnxruntime-web";
import { onnxModel, type OnnxGraph, type OnnxTensor } from "./onnx-model.ts";
import type { Times } from "../../tools/bench/harness.ts";
import type { Way } from "./way.ts";

export const ORT_NODE = "onnxruntime-node";
export const ORT_WEB = "onnxruntime-web";
export type Runtime = typeof ORT_NODE | typeof ORT_WEB;

/** Types of the node package are those of the web package: both give `onnxruntime-common`. */
type Ort = Pick<typeof import("onnxruntime-web"), "InferenceSession" | "Tensor" | "env">;

async function openOrt(runtime: Runtime, threads: number): Promise<Ort> {
  if (runtime === ORT_NODE) return (await import("onnxruntime-node")).default as unknown as Ort;
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = threads;
  return ort;
}

type Given = Float32Array | Int32Array | Int8Array | Uint8Array;

export interface OnnxWork {
  readonly model: Uint8Array;
  /** Those that the model does not have are left out. */
  readonly inputs: Readonly<Record<string, OnnxTensor & { readonly data: Given }>>;
  readonly output: string;
}

function workOf(graph: OnnxGraph, given: Readonly<Record<string, Given>>, output: string): OnnxWork {
  const inputs = Object.fromEntries(Object.entries(graph.inputs).map(([name, type]) => [name, { ...type, data: given[name]! }]));
  return { model: onnxModel(graph), inputs, output };
}

/** A session over one model, run over inputs that stay the same. A provider that cannot run the model throws: none other is named. */
export async function onnxWay(runtime: Runtime, { model, inputs, output }: OnnxWork, threads: number = 1): Promise<Way> {
  const ort = await openOrt(runtime, threads);
  const options: InferenceSession.SessionOptions = {
    executionProviders: [runtime === ORT_NODE ? "cpu" : "wasm"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  };
  const session = await ort.InferenceSession.create(model, options);
  if (runtime === ORT_WEB && ort.env.wasm.numThreads !== threads) throw new Error(`${runtime} runs on ${ort.env.wasm.numThreads} threads`);
  const feeds = Object.fromEntries(
    Object.entries(inputs)
      .filter(([name]) => session.inputNames.includes(name))
      .map(([name, { element, shape, data }]) => [name, new ort.Tensor(TYPES[element], data as never, shape)]),
  );
  let y: Tensor | undefined;
  return {
    run: async () => {
      y = (await session.run(feeds))[output] as Tensor;
    },
    result: async () => y!.data as Float32Array,
  };
}

const TYPES = { f32: "float32", u8: "uint8", i8: "int8", i32: "int32", i64: "int64" } as const;

/** x·Wᵀ: W is turned into ONNX's `[in, out]` beforehand, and packed by the session. */
export function onnxLinear(x: Float32Array, weight: Float32Array, [m, k, n]: readonly number[]): OnnxWork {
  const graph: OnnxGraph = {
    inputs: { x: { element: "f32", shape: [m!, k!] } },
    outputs: { y: { element: "f32", shape: [m!, n!] } },
    weights: { w: { element: "f32", shape: [k!, n!], data: turned(weight, n!, k!) } },
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
  };
  return workOf(graph, { x }, "y");
}

/** Symmetric int8 codes `[n, k]` and their scales, one per output. */
export interface Int8Weight {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/**
 * x·Wᵀ over a weight of 8-bit codes, signed or around 128: x f32, rounded in the kernel to 8 bits by a scale of the whole tensor; y f32.
 * Signed codes saturate in the native kernels of processors without VNNI.
 */
export function onnxInt8Linear(x: Float32Array, { codes, scales }: Int8Weight, [m, k, n]: readonly number[], signed: boolean): OnnxWork {
  const weight = turned(codes, n!, k!);
  const graph: OnnxGraph = {
    inputs: { x: { element: "f32", shape: [m!, k!] } },
    outputs: { y: { element: "f32", shape: [m!, n!] } },
    weights: {
      w: signed
        ? { element: "i8", shape: [k!, n!], data: weight }
        : { element: "u8", shape: [k!, n!], data: Uint8Array.from(weight, (code) => code + 128) },
      scales: { element: "f32", shape: [n!], data: scales },
      zeros: signed
        ? { element: "i8", shape: [n!], data: new Int8Array(n!) }
        : { element: "u8", shape: [n!], data: new Uint8Array(n!).fill(128) },
    },
    nodes: [{ op: "DynamicQuantizeMatMul", domain: "com.microsoft", inputs: ["x", "w", "scales", "zeros"], outputs: ["y"] }],
  };
  return workOf(graph, { x }, "y");
}

/** The integer product alone, of x that is rounded beforehand: less work than a layer's. */
export function onnxIntegerProduct(x: Uint8Array, { codes }: Int8Weight, [m, k, n]: readonly number[]): OnnxWork {
  const graph: OnnxGraph = {
    inputs: { x: { element: "u8", shape: [m!, k!] } },
    outputs: { y: { element: "i32", shape: [m!, n!] } },
    weights: {
      w: { element: "i8", shape: [k!, n!], data: turned(codes, n!, k!) },
      zero: { element: "u8", shape: [], data: Uint8Array.of(128) },
    },
    nodes: [{ op: "MatMulInteger", inputs: ["x", "w", "zero"], outputs: ["y"] }],
  };
  return workOf(graph, { x }, "y");
}

/**
 * What a session of the same inputs and outputs costs that does (next to) nothing: it copies x in and out, as often as the output is
 * wide. Sessions take their inputs from JavaScript and give outputs back, so that a product's own time is its call's less this.
 */
export function onnxCopies([m, k, n]: readonly number[]): OnnxWork {
  const times = Math.ceil(n! / k!);
  const graph: OnnxGraph = {
    inputs: { x: { element: "f32", shape: [m!, k!] } },
    outputs: { y: { element: "f32", shape: [m!, k! * times] } },
    weights: {},
    nodes: [{ op: "Concat", inputs: Array.from({ length: times }, () => "x"), outputs: ["y"], attributes: { axis: 1 } }],
  };
  return workOf(graph, { x: new Float32Array(m! * k!) }, "y");
}

/** A call's time less that of its copies, of which at most half of it is taken off: beside small products copies are all there is to see. */
export function withoutCopies({ median, fastest }: Times, copies: Times): Times {
  const less = (time: number): number => time - Math.min(copies.fastest, time / 2);
  return { median: less(median), fastest: less(fastest) };
}

/** `[rows, columns]` → `[columns, rows]`. */
export function turned<T extends Float32Array | Int8Array | Uint8Array>(values: T, rows: number, columns: number): T {
  const result = values.slice() as T;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!;
  return result;
}
