import { compile, createStore, type Compiled, type CompileOptions, type HostTensor } from "@pare/tensor-core";
import type { Architecture } from "../architecture.ts";
import type { Checkpoint, ModelConfig } from "../checkpoint.ts";
import { architectureMissing } from "../errors.ts";
import { checkWeights } from "../folder/weights.ts";
import { bucketWidth, contextOf, extraOf, forwardGraph, padRows } from "../scope.ts";
import { createGenerator } from "./generate.ts";
import { checkBatch } from "./rows.ts";
import { createScorer } from "./score.ts";
import type { SequenceBatch, Session, SessionOptions } from "./types.ts";

/**
 * Binds a checkpoint to a device. Weights are read and uploaded when first used.
 *
 * Throws `models/weight-missing` and its like where the weights are not those of the config, `core/plugin-unknown` for an
 * architecture that the registry does not hold.
 */
export function openSession(checkpoint: Checkpoint, options: SessionOptions): Session {
  const { device, sites } = options;
  const { config, weights } = checkpoint;
  const architecture = architectureOf(checkpoint, options);
  checkWeights(architecture, config, weights, "checkpoint");
  const store = createStore(device, { weights });
  const compileOptions: CompileOptions = { store, chooser: options.chooser, onFallback: options.onFallback, onChoice: options.onChoice };
  const compiled: Compiled[] = [];
  const make = (graph: Parameters<typeof compile>[0]): Compiled => {
    const one = compile(graph, compileOptions);
    compiled.push(one);
    return one;
  };
  let forwardOnce: Compiled | undefined;
  const run = (batch: SequenceBatch, inputs: Readonly<Record<string, HostTensor>> = {}): Promise<Record<string, HostTensor>> => {
    checkBatch(checkpoint, architecture, batch);
    forwardOnce ??= make(forwardGraph(architecture, config, undefined, { sites }));
    return forwardOnce.run({ ...padded(architecture, config, batch), ...inputs });
  };
  const parts = { checkpoint, architecture, store, sites, make, run };
  return {
    checkpoint,
    architecture,
    device,
    store,
    run,
    forward: async (batch, inputs) => {
      const { logits } = await run(batch, inputs);
      const perToken = architecture.head?.(config).perToken ?? true;
      return perToken ? trimmed(logits!, Math.max(...batch.tokens.map((row) => row.length))) : logits!;
    },
    score: createScorer(parts),
    generate: createGenerator(parts),
    dispose: async () => {
      for (const one of compiled) one.dispose();
      await store.dispose();
    },
  };
}

/** The architecture given, or the registry's. Throws `models/architecture-missing`, `core/plugin-unknown`. */
export function architectureOf(
  { config }: Checkpoint,
  { architecture, registry }: Pick<SessionOptions, "architecture" | "registry">,
): Architecture {
  if (architecture !== undefined) return architecture;
  if (registry === undefined) throw architectureMissing({ architecture: config.architecture });
  return registry.find("architecture", config.architecture).define as Architecture;
}

/** A batch as the run-time inputs of a forward pass. */
export function padded(
  architecture: Architecture,
  config: ModelConfig,
  { tokens, sources, extra }: SequenceBatch,
): Record<string, HostTensor> {
  const limit = contextOf(config);
  const width = bucketWidth(Math.max(...tokens.map((row) => row.length)), limit);
  const sourceWidth = sources && bucketWidth(Math.max(...sources.map((row) => row.length)), limit);
  return padRows(tokens, sources, { width, sourceWidth, extra: extraOf(architecture, config, extra) });
}

/** `[rows, width, …]` cut to the first `kept` of its width. */
export function trimmed({ dtype, shape, data }: HostTensor, kept: number): HostTensor {
  const [rows, width, vocabulary] = shape as [number, number, number];
  if (kept === width) return { dtype, shape, data };
  const out = new Float32Array(rows * kept * vocabulary);
  for (let row = 0; row < rows; row++) {
    const begin = row * width * vocabulary;
    out.set((data as Float32Array).subarray(begin, begin + kept * vocabulary), row * kept * vocabulary);
  }
  return { dtype, shape: [rows, kept, vocabulary], data: out };
}
