/** Logits of a frozen model for all of the data, computed once: several epochs then cost its forward pass only one. */
import type { Context } from "@pare/core";
import { forwardGraph, headOf, type Head } from "@pare/models";
import { compile, createStore, dim, f32, type Device, type HostTensor, type Tracer, type Value } from "@pare/tensor-core";
import { batchTensors, planSorted } from "./batches.ts";
import { rowsOf, type Sequence } from "./sequence.ts";
import { listeners, type Subject } from "./subject.ts";

/** Bytes of logits that a run keeps at most; a model with more runs inside every step instead. */
const LIMIT = 2 ** 28;

/** Sequences per forward pass. */
const BATCH = 64;

/** Name of the run-time input that holds what a frozen model's head gives, f32 `[batch, seq, width]` or `[batch, width]`. */
export function logitsInput(tracer: Tracer, model: string, subject: Subject): Value {
  const { perToken, width } = head(subject);
  return tracer.input(nameOf(model), "f32", perToken ? [dim("batch"), dim("seq"), width] : [dim("batch"), width]);
}

/** Whether keeping them pays: they fit, and the data is seen more than once. */
export function worthKeeping(subject: Subject, sequences: readonly Sequence[], visits: number): boolean {
  const { perToken, width } = head(subject);
  const rows = sequences.flatMap(rowsOf);
  const outputs = perToken ? rows.reduce((sum, { tokens: { length } }) => sum + length, 0) : rows.length;
  return visits > sequences.length && 4 * outputs * width <= LIMIT;
}

export interface KeptLogits {
  /** The input of {@link logitsInput} for a batch of these sequences, padded to `rows` rows of `seq` tokens with zeros. */
  readonly inputs: (indices: readonly number[], rows: number, seq: number) => Record<string, HostTensor>;
}

/** Runs the model over the sequences in an order that their lengths alone decide, so that the same data gives the same bytes. */
export async function keepLogits(
  model: string,
  subject: Subject,
  sequences: readonly Sequence[],
  context: Context,
  device: Device,
): Promise<KeptLogits> {
  const { perToken, width } = head(subject);
  /** By sequence, its rows' outputs one after the other, without padding. */
  const kept: (readonly Float32Array[])[] = [];
  const store = createStore(device, { weights: subject.checkpoint.weights });
  const compiled = compile(forwardGraph(subject.architecture, subject.checkpoint.config), { store, ...listeners(context, device) });
  try {
    for (const indices of planSorted(sequences, BATCH)) {
      context.signal.throwIfAborted();
      const chosen = indices.map((index) => sequences[index]);
      const { logits } = await compiled.run(batchTensors(subject, chosen).inputs);
      const step = (perToken ? logits.shape[1] : 1) * width;
      let row = 0;
      for (const index of indices) {
        kept[index] = rowsOf(sequences[index]).map(({ tokens }) => {
          const begin = row++ * step;
          return (logits.data as Float32Array).slice(begin, begin + (perToken ? tokens.length : 1) * width);
        });
      }
    }
  } finally {
    compiled.dispose();
    await store.dispose();
  }
  return {
    inputs: (indices, rows, seq) => {
      const shape = perToken ? [rows, seq, width] : [rows, width];
      const step = (perToken ? seq : 1) * width;
      const data = new Float32Array(rows * step);
      indices.flatMap((index) => kept[index]).forEach((output, row) => data.set(output, row * step));
      return { [nameOf(model)]: f32(shape, data) };
    },
  };
}

function head({ architecture, checkpoint }: Subject): Head {
  return headOf(architecture, checkpoint.config);
}

function nameOf(model: string): string {
  return `@${model}/logits`;
}
