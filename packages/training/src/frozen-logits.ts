/** Logits of a frozen model for all of the data, computed once: several epochs then cost its forward pass only one. */
import type { Context } from "@pare/core";
import { forwardGraph } from "@pare/models";
import { compile, createStore, dim, f32, type Device, type HostTensor, type Tracer, type Value } from "@pare/tensor-core";
import { batchTensors, planSorted } from "./batches.ts";
import type { Sequence } from "./encode.ts";
import { listeners, type Subject } from "./subject.ts";

/** Bytes of logits that a run keeps at most; a model with more runs inside every step instead. */
const LIMIT = 2 ** 28;

/** Sequences per forward pass. */
const BATCH = 64;

/** Name of the run-time input that holds a frozen model's logits f32 `[batch, seq, vocabulary]`. */
export function logitsInput(tracer: Tracer, model: string, { checkpoint }: Subject): Value {
  return tracer.input(nameOf(model), "f32", [dim("batch"), dim("seq"), checkpoint.config.vocabularySize]);
}

/** Whether keeping them pays: they fit, and the data is seen more than once. */
export function worthKeeping({ checkpoint }: Subject, sequences: readonly Sequence[], visits: number): boolean {
  const tokens = sequences.reduce((sum, { tokens: { length } }) => sum + length - 1, 0);
  return visits > sequences.length && 4 * tokens * checkpoint.config.vocabularySize <= LIMIT;
}

export interface KeptLogits {
  /** The input of {@link logitsInput} for a batch of these sequences, padded to `rows` rows of `width` tokens with zeros. */
  readonly inputs: (indices: readonly number[], rows: number, width: number) => Record<string, HostTensor>;
}

/** Runs the model over the sequences in an order that their lengths alone decide, so that the same data gives the same bytes. */
export async function keepLogits(
  model: string,
  subject: Subject,
  sequences: readonly Sequence[],
  context: Context,
  device: Device,
): Promise<KeptLogits> {
  const vocabulary = subject.checkpoint.config.vocabularySize;
  const kept: Float32Array[] = [];
  const store = createStore(device, { weights: subject.checkpoint.weights });
  const compiled = compile(forwardGraph(subject.architecture, subject.checkpoint.config), { store, ...listeners(context, device) });
  try {
    for (const indices of planSorted(sequences, BATCH)) {
      context.signal.throwIfAborted();
      const { logits } = await compiled.run(batchTensors(indices.map((index) => sequences[index])).inputs);
      indices.forEach((index, row) => {
        const begin = row * logits.shape[1] * vocabulary;
        kept[index] = (logits.data as Float32Array).slice(begin, begin + (sequences[index].tokens.length - 1) * vocabulary);
      });
    }
  } finally {
    compiled.dispose();
    await store.dispose();
  }
  return {
    inputs: (indices, rows, width) => {
      const data = new Float32Array(rows * width * vocabulary);
      indices.forEach((index, row) => data.set(kept[index], row * width * vocabulary));
      return { [nameOf(model)]: f32([rows, width, vocabulary], data) };
    },
  };
}

function nameOf(model: string): string {
  return `@${model}/logits`;
}
