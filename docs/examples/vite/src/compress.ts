/** Load, run, train, prune, quantize: what a page does with Pare, without the page. */
import { openWasm } from "@pare/backend-wasm";
import { createRegistry, memoryFiles, pipeline, type FileSet } from "@pare/core";
import { builtIn, llama, loadCheckpoint, openSession, type Checkpoint } from "@pare/models";
import { magnitude } from "@pare/prune";
import { roundToNearest } from "@pare/quantize";
import type { Device } from "@pare/tensor-core";
import { finetune, nextTokenObjective, textData } from "@pare/training";

export interface Row {
  readonly step: string;
  /** Mean negative log-likelihood of the text, nats per token. */
  readonly loss: number;
  /** Of the saved weights. */
  readonly bytes: number;
}

export interface Outcome {
  readonly device: string;
  readonly rows: readonly Row[];
  readonly weights: Uint8Array<ArrayBuffer>;
}

export interface Compression {
  /** `config.json`, `model.safetensors` and the tokenizer's two files. */
  readonly files: FileSet;
  /** Lines to train on and to measure. */
  readonly text: string;
  readonly threads: number;
  readonly onRow: (row: Row) => void;
  readonly onWarning: (message: string) => void;
}

export async function compress({ files, text, threads, onRow, onWarning }: Compression): Promise<Outcome> {
  const device = await openWasm({ threads, onWarning });
  try {
    const registry = createRegistry(...builtIn, textData(), nextTokenObjective);
    const rows: Row[] = [];
    let model = await loadCheckpoint(files, registry);
    const measure = async (step: string): Promise<void> => {
      const row = { step, loss: await lossOf(model, text, device), bytes: (await weightsOf(model)).length };
      rows.push(row);
      onRow(row);
    };
    await measure("as loaded");
    const data = { use: "text", text, separator: "\n" };
    for (const step of [
      finetune({ data, steps: 40, batch: 4, learningRate: 0.01 }),
      magnitude({ sparsity: 0.5, pattern: "4x1" }),
      roundToNearest({ bits: 8, granularity: "channel" }),
    ]) {
      ({ model } = await pipeline<{ model: Checkpoint }>().step(step).run({ model }, { device, registry, seed: 1 }));
      await measure(step.use);
    }
    return { device: `${device.backend}, ${device.variant}, ${device.threads} threads`, rows, weights: await weightsOf(model) };
  } finally {
    await device.close();
  }
}

async function lossOf(model: Checkpoint, text: string, device: Device): Promise<number> {
  const session = openSession(model, { device, architecture: llama.define });
  const { begin } = model.tokenizer!.special;
  const tokens = text.split("\n").map((line) => [begin!, ...model.tokenizer!.encode(line)]);
  const scores = await session.score({ tokens });
  await session.dispose();
  const nll = scores.flatMap(({ nll }) => [...nll]);
  return nll.reduce((sum, each) => sum + each, 0) / nll.length;
}

async function weightsOf(model: Checkpoint): Promise<Uint8Array<ArrayBuffer>> {
  const files = memoryFiles();
  await model.save(files);
  return new Uint8Array(await files.read("model.safetensors"));
}
