/** Both architectures on this device and on the reference: logits, and what three steps of training make of the weights. */
import { createRegistry, type Context } from "@pare/core";
import {
  builtIn,
  createModel,
  encoderDecoder,
  encoderDecoderConfig,
  llama,
  llamaConfig,
  openSession,
  wordTokenizer,
  type Checkpoint,
  type SequenceBatch,
} from "@pare/models";
import { openReference, type Device, type HostTensor } from "@pare/tensor-core";
import { nextToken, nextTokenObjective, train, writtenSequence } from "@pare/training";

const tokenizer = wordTokenizer(["walk", "jump", "look", "run", "twice", "left", "and", "after"]);
const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 16, hiddenSize: 16, heads: 4, keyValueHeads: 2, feedForward: 24 };
const TOKENS = [
  [1, 3, 4, 5, 2],
  [1, 6, 7, 2],
  [1, 8, 9, 4, 3, 2],
];
const SOURCES = [[3, 4, 5], [6], [7, 8, 9, 10, 3]];

/** What is compared, by id of the architecture. */
const MODELS = {
  llama: {
    model: () => createModel(llama.define, llamaConfig({ ...shape, layers: 2 }), { seed: 1, tokenizer }) as Checkpoint,
    sources: undefined,
  },
  "encoder-decoder": {
    model: () =>
      createModel(encoderDecoder.define, encoderDecoderConfig({ ...shape, encoderLayers: 1, decoderLayers: 1 }), {
        seed: 2,
        tokenizer,
      }) as Checkpoint,
    sources: SOURCES,
  },
};

export type Architecture = keyof typeof MODELS;
export const ARCHITECTURES = Object.keys(MODELS) as readonly Architecture[];

export interface Comparison {
  /** The kernels' mode. */
  readonly variant: string;
  /** Largest |found − expected| ÷ max(1, |expected|). */
  readonly logits: number;
  readonly losses: number;
  readonly weights: number;
  /** How far training moved the weights, the largest step of the reference: what `weights` is to be held against. */
  readonly moved: number;
  /** Ids that greedy decoding through key/value caches gives, here and by the reference. */
  readonly generated: readonly [string, string];
  readonly fallbacks: readonly string[];
}

/** Closes the device. */
export async function compareModels(name: Architecture, device: Device): Promise<Comparison> {
  const { model, sources } = MODELS[name];
  const fallbacks: string[] = [];
  const found = await resultsOf(model(), sources, device, fallbacks);
  const expected = await resultsOf(model(), sources, openReference(), []);
  const before = await weightsOf(model().weights);
  await device.close();
  return {
    variant: device.variant,
    logits: worst(expected.logits, found.logits),
    losses: worst(expected.losses, found.losses),
    weights: worst(expected.weights, found.weights),
    moved: worst(before, expected.weights),
    generated: [found.generated, expected.generated],
    fallbacks,
  };
}

interface Results {
  readonly logits: ArrayLike<number>;
  readonly losses: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
  readonly generated: string;
}

async function resultsOf(model: Checkpoint, sources: SequenceBatch["sources"], device: Device, fallbacks: string[]): Promise<Results> {
  const registry = createRegistry(...builtIn, nextTokenObjective);
  const context = {
    seed: 3,
    signal: new AbortController().signal,
    registry,
    device,
    emit: (event: { readonly type: string }) => void (event.type === "fallback" && fallbacks.push(JSON.stringify(event))),
  } as unknown as Context;
  const session = openSession(model, {
    device,
    architecture: registry.get("architecture", model.config.architecture).define as never,
    onFallback: (op: string) => void fallbacks.push(op),
  } as never);
  const { data } = await session.forward({ tokens: TOKENS, sources });
  const generated: number[] = [];
  for await (const ids of session.generate({ prompts: [[1, 3, 4]], sources: sources?.slice(0, 1), maxTokens: 5, stop: [] } as never)) {
    generated.push(...(ids as unknown as number[]));
  }
  await session.dispose();
  const sequences = TOKENS.map((tokens, i) => writtenSequence({ tokens, source: sources?.[i], start: 1 }));
  // With AdamW's usual ε of 10⁻⁸ a gradient that is zero but for rounding moves its weight by a whole step.
  const settings = { batch: 3, steps: 3, learningRate: 0.01, schedule: "constant", warmup: 0, weightDecay: 0.01, clip: 0.5 } as const;
  const trained = await train({
    model,
    objective: nextToken(),
    sequences,
    settings: { ...settings, accumulate: 1, remat: false, beta1: 0.9, beta2: 0.999, epsilon: 1e-3 },
    context,
  });
  return {
    logits: data as Float32Array,
    losses: trained.losses.map(({ loss }) => loss),
    weights: await weightsOf(trained.weights),
    generated: generated.join(),
  };
}

async function weightsOf(
  weights: ReadonlyMap<string, { readonly dense: () => Promise<HostTensor> }> | Checkpoint["weights"],
): Promise<number[]> {
  const all: number[] = [];
  for (const [, weight] of weights as ReadonlyMap<string, { readonly dense: () => Promise<HostTensor> }>) {
    all.push(...((await weight.dense()).data as Float32Array));
  }
  return all;
}

function worst(expected: ArrayLike<number>, found: ArrayLike<number>): number {
  if (expected.length !== found.length || expected.length === 0) return Infinity;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(found[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}
