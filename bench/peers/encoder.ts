/** Encoders of random weights: what every way of running one is made from. */
import { memoryFiles } from "@pare/core";
import { writeOnnx } from "@pare/formats";
import { bert, bertConfig, createModel, extraOf, forwardGraph, padRows, type BertConfig, type Checkpoint } from "@pare/models";
import { compile, createStore, type Chooser, type Device, type Graph, type HostTensor } from "@pare/tensor-core";
import type { OnnxWork } from "./onnxruntime.ts";
import type { Way } from "./way.ts";

export interface EncoderShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly tokens: number;
  readonly vocabularySize: number;
}

export interface Encoder {
  readonly model: Checkpoint;
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly tokens: readonly number[];
}

/** BERT's layers, feed-forward four times as wide, over one row of tokens; its output is `hidden`. */
export function encoderOf({ layers, width, heads, tokens: count, vocabularySize }: EncoderShape): Encoder {
  const config = bertConfig({ vocabularySize, contextLength: 512, hiddenSize: width, layers, heads, feedForward: 4 * width });
  const tokens = Array.from({ length: count }, (_, i) => (i * 7919) % vocabularySize);
  return {
    model: createModel(bert.define, config, { seed: 1 }),
    graph: forwardGraph(bert.define, config, (hidden) => ({ hidden })),
    inputs: padRows([tokens], undefined, { extra: extraOf(bert.define, config) }),
    tokens,
  };
}

/** The same encoder as a stage has made it: other weights, and where it was cut another config. */
export function encoderWith(encoder: Encoder, model: Checkpoint): Encoder {
  return { ...encoder, model, graph: forwardGraph(bert.define, model.config as BertConfig, (hidden) => ({ hidden })) };
}

/** Ours, over the weights of `model`, which may be the encoder's own or made of them. */
export function pareEncoder(device: Device, { graph, inputs }: Encoder, { weights }: Checkpoint, chooser?: Chooser): Way {
  const compiled = compile(graph, { store: createStore(device, { weights }), chooser });
  let hidden: HostTensor | undefined;
  return {
    run: async () => void (hidden = (await compiled.run(inputs))["hidden"]),
    result: async () => hidden!.data as Float32Array,
  };
}

/** The same weights as this project's own writer exports them. */
export async function onnxEncoder({ graph, inputs, model }: Encoder): Promise<OnnxWork> {
  const files = memoryFiles();
  await writeOnnx(files, "model.onnx", { graph, weights: model.weights });
  const given = Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
    name,
    { element: dtype as "i32", shape, data: data as Int32Array },
  ]);
  return { model: await files.read("model.onnx"), inputs: Object.fromEntries(given), output: "hidden" };
}
