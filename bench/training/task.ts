/** What is trained: the same parameters, data, loss and Adam for everyone. */
import { sizeOf, uniform } from "@pare/tensor-core";

export const ADAM = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

export interface Parameter {
  readonly shape: readonly number[];
  readonly initial: Float32Array;
}
export type Parameters = Readonly<Record<string, Parameter>>;

/** Vectors begin as ones where they scale and as zeros where they shift; matrices uniform in ± 1/√in. */
export function parametersOf(shapes: Readonly<Record<string, readonly number[]>>): Parameters {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], stream) => {
      const bound = 1 / Math.sqrt(shape.at(-1)!);
      const fixed = name.endsWith("bias") ? 0 : 1;
      const initial = Float32Array.from(uniform(1, stream, sizeOf(shape)), (value) =>
        shape.length === 1 ? fixed : (2 * value - 1) * bound,
      );
      return [name, { shape, initial }];
    }),
  );
}

/** One Adam step; the loss before it stays where the peer keeps it. */
export interface Trainer {
  readonly step: () => Promise<unknown>;
  /** Of the last step. */
  readonly loss: () => Promise<number>;
}

export interface DecoderSizes {
  readonly blocks: number;
  readonly width: number;
  readonly heads: number;
  readonly batch: number;
  readonly tokens: number;
  readonly vocabulary: number;
}

/**
 * A decoder: embedding; per block layer norm, causal attention, layer norm, feed-forward of 4 × width with the tanh form of GELU, both
 * with residuals; a head. Weights `[out, in]`. Learns to give each position's own token: mean cross-entropy of all positions.
 */
export interface DecoderTask extends DecoderSizes {
  readonly parameters: Parameters;
  readonly ids: Int32Array;
}

export const NORM_EPSILON = 1e-5;

export function decoderTask(sizes: DecoderSizes): DecoderTask {
  const { blocks, width, batch, tokens, vocabulary } = sizes;
  const shapes: Record<string, readonly number[]> = { embedding: [vocabulary, width], head: [vocabulary, width] };
  for (let block = 0; block < blocks; block++) {
    for (const norm of ["norm1", "norm2"]) {
      shapes[`${block} ${norm} weight`] = [width];
      shapes[`${block} ${norm} bias`] = [width];
    }
    for (const name of ["query", "key", "value", "output"]) shapes[`${block} ${name}`] = [width, width];
    shapes[`${block} up`] = [4 * width, width];
    shapes[`${block} down`] = [width, 4 * width];
  }
  return { ...sizes, parameters: parametersOf(shapes), ids: Int32Array.from({ length: batch * tokens }, (_, i) => (i * 7) % vocabulary) };
}

/** Multiplications and additions of a step's products, forward and backward. */
export function decoderFlops({ parameters, batch, tokens, blocks, width }: DecoderTask): number {
  const weights = Object.entries(parameters).filter(([name, { shape }]) => shape.length === 2 && name !== "embedding");
  return 6 * batch * tokens * (weights.reduce((total, [, { shape }]) => total + sizeOf(shape), 0) + 2 * blocks * tokens * width);
}

/** A perceptron: linear, ReLU, linear, with biases; mean squared error to given outputs. */
export interface MlpTask {
  readonly batch: number;
  readonly sizes: readonly [number, number, number];
  readonly parameters: Parameters;
  readonly x: Float32Array;
  readonly y: Float32Array;
}

export function mlpTask(batch: number, sizes: readonly [number, number, number]): MlpTask {
  const [given, hidden, out] = sizes;
  const parameters = parametersOf({ up: [hidden, given], "up bias": [hidden], down: [out, hidden], "down bias": [out] });
  const [x, y] = [given, out].map((size, i) => Float32Array.from(uniform(2, i, batch * size), (value) => 2 * value - 1));
  return { batch, sizes, parameters, x: x!, y: y! };
}

export function mlpFlops({ batch, sizes: [given, hidden, out] }: MlpTask): number {
  return 2 * batch * hidden * (2 * given + 3 * out);
}

/** Steps all trainers and throws where their losses are not the same: then they do not do the same work. */
export async function expectSameLosses(trainers: Readonly<Record<string, Trainer>>, steps: number, tolerance: number): Promise<void> {
  for (let step = 1; step <= steps; step++) {
    const losses: [string, number][] = [];
    for (const [name, trainer] of Object.entries(trainers)) {
      await trainer.step();
      losses.push([name, await trainer.loss()]);
    }
    const [, first] = losses[0]!;
    if (step === 1 || step === steps)
      console.log(`loss of step ${step}: ${losses.map(([name, loss]) => `${name} ${loss.toFixed(6)}`).join(", ")}`);
    for (const [name, loss] of losses) {
      if (!(Math.abs(loss - first) <= tolerance * Math.abs(first)))
        throw new Error(`step ${step}: ${name} has a loss of ${loss}, ${losses[0]![0]} ${first}`);
    }
  }
}
