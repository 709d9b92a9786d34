/** Models on the device of the page, beside the reference: one training step, and a run that learns. */
import { createRegistry, type Context, type Registry, type RunEvent } from "@pare/core";
import {
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  declareInputs,
  forwardGraph,
  llama,
  llamaConfig,
  modelScope,
  openSession,
  padRows,
  wordTokenizer,
  type Architecture,
  type Checkpoint,
  type ModelConfig,
  type WeightView,
} from "@pare/models";
import {
  adamw,
  adamwHyper,
  adamwStates,
  compile,
  createStore,
  crossEntropy,
  denseOf,
  gradients,
  i32,
  mean,
  openReference,
  reshape,
  roundActivations,
  symbolicSize,
  toF16,
  trace,
  type CompileOptions,
  type Device,
  type Dim,
  type Graph,
  type HostTensor,
  type StoredWeight,
  type Value,
} from "@pare/tensor-core";
import { finetune, nextTokenObjective, textData } from "@pare/training";
import { openWebgpu } from "../../src/index.ts";

const tokenizer = wordTokenizer(["walk", "run", "jump", "twice", "and", "left", "right", "look"]);
const sizes = { vocabularySize: tokenizer.vocabularySize, contextLength: 32, hiddenSize: 16, feedForward: 24 };

const MODELS: Readonly<Record<string, { readonly architecture: Architecture; readonly model: () => Checkpoint }>> = {
  llama: {
    architecture: llama.define as Architecture,
    model: () => createModel(llama.define, llamaConfig({ ...sizes, layers: 2, heads: 4, keyValueHeads: 2 }), { seed: 1, tokenizer }),
  },
  "encoder-decoder": {
    architecture: encoderDecoder.define as Architecture,
    model: () =>
      createModel(encoderDecoder.define, encoderDecoderConfig({ ...sizes, encoderLayers: 2, decoderLayers: 2, heads: 2 }), {
        seed: 2,
        tokenizer,
      }),
  },
};

const ROWS = [
  [1, 3, 4, 5, 6, 7],
  [1, 8, 3],
];
const SOURCES = [
  [3, 6, 4],
  [5, 7, 4, 3],
];

export interface Step {
  readonly variant: string;
  /** Tensors compared, and elements in all. */
  readonly tensors: number;
  readonly elements: number;
  /** Largest |found − expected| ÷ max(1, |expected|) of logits, loss, gradients and updated weights. */
  readonly worst: number;
}

/** Forward, loss, every gradient and one step of AdamW. */
export async function step(name: string): Promise<Step> {
  const device = await openWebgpu();
  const expected = await stepOn(openReference(), name);
  const found = await stepOn(device, name);
  let [worst, elements] = [0, 0];
  for (const [output, { data }] of Object.entries(expected)) {
    elements += data.length;
    (data as Float32Array).forEach((value, i) => {
      const error = Math.abs(Number(found[output]!.data[i]) - value) / Math.max(1, Math.abs(value));
      worst = error <= worst ? worst : error;
    });
  }
  await device.close();
  return { variant: device.variant, tensors: Object.keys(expected).length, elements, worst };
}

async function stepOn(device: Device, name: string): Promise<Record<string, HostTensor>> {
  const { architecture, model } = MODELS[name]!;
  const { config, weights } = model();
  const store = createStore(device, { weights });
  const shapes = architecture.weights(config);
  for (const { name: weight, shape } of shapes) {
    store.setState(weight, await weights.get(weight)!.dense());
    for (const moment of Object.values(adamwStates(weight))) store.createState(moment, "f32", shape);
  }
  const inputs = padRows(ROWS, architecture.encode === undefined ? undefined : SOURCES);
  const targets = i32([2, 6], [3, 4, 5, 6, 7, 2, 8, 3, 2, -1, -1, -1]);
  // A large ε: where a gradient is next to nothing its sign is rounding, which must not decide the step.
  const hyper = adamwHyper({ learningRate: 0.01, step: 0, epsilon: 0.01 });
  const outputs = await compile(stepGraph(architecture, config), { store }).run({ ...inputs, targets, hyper });
  for (const { name: weight } of shapes) outputs[`updated ${weight}`] = await store.readState(weight);
  await store.dispose();
  return outputs;
}

function stepGraph(architecture: Architecture, config: ModelConfig): Graph {
  return trace((tracer) => {
    const parameters: Record<string, Value> = {};
    const view: WeightView = (weight, shape) => (parameters[weight] ??= tracer.state(weight, "f32", shape));
    const inputs = declareInputs(tracer, architecture, config);
    const logits = architecture.forward(modelScope(tracer, architecture, config, view), config, inputs);
    const [batch, seq, vocabulary] = logits.shape as [Dim, Dim, Dim];
    const count = symbolicSize([batch, seq]);
    const targets = tracer.input("targets", "i32", [batch, seq]);
    const loss = mean(crossEntropy(reshape(logits, [count, vocabulary]), reshape(targets, [count])));
    const slopes = gradients(loss, Object.values(parameters));
    const named = Object.fromEntries(Object.keys(parameters).map((weight, i) => [weight, slopes[i]!]));
    const hyper = tracer.input("hyper", "f32", [8]);
    adamw({ tracer, parameters, gradients: named, hyper: () => hyper });
    return { logits, loss, ...Object.fromEntries(Object.entries(named).map(([weight, slope]) => [`gradient of ${weight}`, slope])) };
  });
}

export interface Rounded {
  readonly variant: string;
  /** Kernel and reason of every linear layer, once each. */
  readonly choices: readonly string[];
  /** Largest |found − expected| ÷ max(1, |expected|) of logits, expected from the same weights of f16 without rounded activations. */
  readonly worst: number;
}

/** The forward pass of llama with weights of f16, where rounded activations are asked for. */
export async function rounded(): Promise<Rounded> {
  const { config, weights } = MODELS["llama"]!.model();
  const halves = new Map<string, StoredWeight>();
  for (const [name, weight] of weights) {
    const { shape, data } = await weight.dense();
    halves.set(name, denseOf({ dtype: "f16", shape, data: Uint16Array.from(data as Float32Array, toF16) }));
  }
  const choices = new Set<string>();
  const device = await openWebgpu();
  const logitsOn = async (on: Device, options: Partial<CompileOptions>): Promise<Float32Array> => {
    const store = createStore(on, { weights: halves });
    const { logits } = await compile(forwardGraph(llama.define, config as never), { store, ...options }).run(padRows(ROWS));
    await store.dispose();
    return logits!.data as Float32Array;
  };
  const expected = await logitsOn(openReference(), {});
  const found = await logitsOn(device, {
    chooser: roundActivations(),
    onChoice: ({ what, chosen, why }) => void (what.endsWith("linear") && choices.add(`${chosen}: ${why}`)),
  });
  await device.close();
  const worst = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value) / Math.max(1, Math.abs(value))));
  return { variant: device.variant, choices: [...choices], worst };
}

/** Mean losses that a run of training reports, in order. */
export async function losses(): Promise<readonly number[]> {
  const device = await openWebgpu();
  const events: RunEvent[] = [];
  const registry = createRegistry(llama, textData(), nextTokenObjective) as unknown as Registry;
  const signal = new AbortController().signal;
  const context: Context = { seed: 5, signal, registry, device, emit: (event) => void events.push(event) };
  const text = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? "walk twice and look left" : "run and jump right")).join("\n");
  const data = { use: "text", text, separator: "\\n" } as const;
  await finetune({ data, steps: 24, batch: 4, learningRate: 0.02, warmup: 2 }).run({ model: MODELS["llama"]!.model() }, context);
  await device.close();
  return events.flatMap((event) => ("loss" in event && typeof event.loss === "number" ? [event.loss] : []));
}

/** Tokens that a greedy generation gives with caches, on the page's device and on the reference. */
export async function generated(name: string): Promise<readonly (readonly (number | undefined)[])[]> {
  const { architecture, model } = MODELS[name]!;
  const device = await openWebgpu();
  const results = [];
  for (const each of [device, openReference()]) {
    const session = openSession(model(), { device: each, architecture });
    const tokens: (number | undefined)[] = [];
    const sources = architecture.encode === undefined ? undefined : [SOURCES[0]!];
    for await (const [token] of session.generate({ prompts: [[1, 3, 4]], sources, maxTokens: 6, stop: [] })) tokens.push(token);
    await session.dispose();
    results.push(tokens);
  }
  await device.close();
  return results;
}
