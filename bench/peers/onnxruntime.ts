/** ONNX Runtime, native (`onnxruntime-node`, provider `cpu`) and in WebAssembly (`onnxruntime-web`, provider `wasm`), with all graph optimisations. */
import type { InferenceSession, Tensor } from "onnxruntime-web";
import { onnxModel, type OnnxGraph } from "./onnx-model.ts";
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

export interface OnnxWork {
  readonly graph: OnnxGraph;
  /** Values of the graph's inputs, by name. */
  readonly given: Readonly<Record<string, Float32Array | Int32Array | BigInt64Array | Uint8Array>>;
  readonly output: string;
}

/** A session over one model, run over inputs that stay the same. A provider that cannot run the model throws: none other is named. */
export async function onnxWay(runtime: Runtime, { graph, given, output }: OnnxWork, threads: number = 1): Promise<Way> {
  const ort = await openOrt(runtime, threads);
  const options: InferenceSession.SessionOptions = {
    executionProviders: [runtime === ORT_NODE ? "cpu" : "wasm"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  };
  const session = await ort.InferenceSession.create(onnxModel(graph), options);
  if (runtime === ORT_WEB && ort.env.wasm.numThreads !== threads) throw new Error(`${runtime} runs on ${ort.env.wasm.numThreads} threads`);
  const feeds = Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { element, shape }]) => [name, new ort.Tensor(TYPES[element], given[name] as never, shape)]),
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
  return {
    graph: {
      inputs: { x: { element: "f32", shape: [m!, k!] } },
      outputs: { y: { element: "f32", shape: [m!, n!] } },
      weights: { w: { element: "f32", shape: [k!, n!], data: turned(weight, n!, k!) } },
      nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
    },
    given: { x },
    output: "y",
  };
}

/**
 * What a session of the same inputs and outputs costs that does (next to) nothing: it copies x in and out, as often as the output is
 * wide. Sessions take their inputs from JavaScript and give outputs back, so that a product's own time is its call's less this.
 */
export function onnxCopies([m, k, n]: readonly number[]): OnnxWork {
  const times = Math.ceil(n! / k!);
  return {
    graph: {
      inputs: { x: { element: "f32", shape: [m!, k!] } },
      outputs: { y: { element: "f32", shape: [m!, k! * times] } },
      weights: {},
      nodes: [{ op: "Concat", inputs: Array.from({ length: times }, () => "x"), outputs: ["y"], attributes: { axis: 1 } }],
    },
    given: { x: new Float32Array(m! * k!) },
    output: "y",
  };
}

/** `[rows, columns]` → `[columns, rows]`. */
export function turned<T extends Float32Array | Int8Array | Uint8Array>(values: T, rows: number, columns: number): T {
  const result = values.slice() as T;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!;
  return result;
}
