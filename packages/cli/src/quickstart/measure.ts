/** What the quickstart says of a model: size, accuracy, time. */
import { memoryFiles, type Context } from "@pare/core";
import { evaluate, scan, type Result } from "@pare/eval-suites";
import { openSession, type Checkpoint, type Session } from "@pare/models";
import type { Chooser, Device } from "@pare/tensor-core";
import { modelSize, type ModelSize } from "../model.ts";

export interface Accuracy {
  readonly suite: string;
  /** in-domain, out-of-domain, or why neither can be said. */
  readonly label: string;
  readonly accuracy: number;
  /** Wilson interval, 95 %. */
  readonly low: number;
  readonly high: number;
  readonly examples: number;
}

/** Milliseconds per command, greedy decoding. */
export interface Latency {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Row {
  readonly name: string;
  readonly parameters: number;
  /** See `ModelSize.kept`. */
  readonly kept: number;
  /** Of the safetensors file. */
  readonly bytes: number;
  readonly accuracies: readonly Accuracy[];
}

export async function measure(
  name: string,
  model: Checkpoint,
  suites: readonly string[],
  examples: number | undefined,
  context: Context,
): Promise<Row> {
  const { results } = await evaluate(
    model,
    suites.map((use) => ({ use, ...(examples === undefined ? {} : { examples }) })),
    context,
  );
  const { parameters, kept }: ModelSize = await modelSize(model);
  return { name, parameters, kept, bytes: await bytesOnDisk(model), accuracies: results.map(accuracyOf) };
}

function accuracyOf({ suite, label, metrics }: Result): Accuracy {
  const { accuracy, accuracyLow, accuracyHigh, examples } = metrics as Record<string, number>;
  return { suite, label: String(label), accuracy: accuracy!, low: accuracyLow!, high: accuracyHigh!, examples: examples! };
}

async function bytesOnDisk(model: Checkpoint): Promise<number> {
  const files = memoryFiles();
  await model.save(files);
  return files.size("model.safetensors");
}

/** Commands decoded together, and times each model decodes them. */
const COMMANDS = 32;
const ROUNDS = 7;

/** Greedy decoding of the same commands by all models in turn, so that a busy moment of the machine meets all of them. */
export async function latencies(models: readonly Checkpoint[], context: Context): Promise<Latency[]> {
  const examples = (await scan("intersection").examples("test")).slice(0, COMMANDS);
  const sessions = models.map((model) =>
    openSession(model, { device: context.device as Device, chooser: context.chooser as Chooser, registry: context.registry }),
  );
  const times: number[][] = models.map(() => []);
  try {
    for (let round = -1; round < ROUNDS; round++) {
      for (const [index, session] of sessions.entries()) {
        context.signal.throwIfAborted();
        const begin = performance.now();
        await decode(
          session,
          examples.map(({ source }) => source!),
        );
        // The first round compiles.
        if (round >= 0) times[index]!.push((performance.now() - begin) / COMMANDS);
      }
    }
  } finally {
    for (const session of sessions) await session.dispose();
  }
  return times.map((all) => {
    const sorted = all.sort((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)]!, low: sorted[0]!, high: sorted.at(-1)! };
  });
}

async function decode(session: Session, commands: readonly string[]): Promise<void> {
  const tokenizer = session.checkpoint.tokenizer!;
  const begin = tokenizer.special.begin!;
  const request = { prompts: commands.map(() => [begin]), sources: commands.map((text) => tokenizer.encode(text)), maxTokens: 50 };
  for await (const _step of session.generate(request));
}
