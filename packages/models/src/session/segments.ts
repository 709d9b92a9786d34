/** Long texts read a segment at a time, each with what is remembered of those before (Dai et al. 2019, section 3.2). */
import {
  compile,
  createStore,
  dim,
  i32,
  reshape,
  rows,
  symbolicSize,
  trace,
  zeros,
  type Dim,
  type HostTensor,
  type Store,
  type Tracer,
} from "@pare/tensor-core";
import type { Architecture, MemorySpec, SegmentMemory } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { memoryMissing, rowsInvalid } from "../errors.ts";
import { checkWeights } from "../folder/weights.ts";
import { declareInputs, modelScope } from "../scope.ts";
import { checkBatch } from "./rows.ts";
import { architectureOf, padded, trimmed } from "./session.ts";
import type { SequenceBatch, SessionOptions } from "./types.ts";

export interface SegmentOptions extends Pick<
  SessionOptions,
  "device" | "registry" | "architecture" | "chooser" | "onFallback" | "onChoice"
> {
  /** Tokens that are remembered at most; default: what the model's config says. */
  readonly entries?: number | undefined;
}

export interface Segments {
  /** The uploaded weights, and what is remembered: `memory.<layer>`, f32 `[texts, entries, hidden]`, the newest last. */
  readonly store: Store;
  /**
   * What the model's head gives for the next segment of each text, as {@link Session.forward} does. The rows of a batch are as many texts,
   * in the same order every time; one that has ended has no tokens any more.
   */
  readonly read: (batch: SequenceBatch) => Promise<HostTensor>;
  /** The next segments are the first of other texts. */
  readonly forget: () => void;
  /** Frees the device memory; the device stays open. */
  readonly dispose: () => Promise<void>;
}

const KEPT = "memory.kept";
const LENGTHS = "memory.lengths";

function stateOf(layer: number): string {
  return `memory.${layer}`;
}

/**
 * Reads texts in segments. What each layer read stays on the device, and the next segment attends to it, nothing being computed again.
 *
 * Throws `models/memory-missing` for an architecture without a memory, `models/rows-invalid` where nobody says how long it is, and as
 * `openSession` does.
 */
export function openSegments(checkpoint: Checkpoint, options: SegmentOptions): Segments {
  const { config, weights } = checkpoint;
  const { device, chooser, onFallback, onChoice } = options;
  const architecture = architectureOf(checkpoint, options);
  const spec = memoryOf(architecture, checkpoint, options.entries);
  checkWeights(architecture, config, weights, "checkpoint");
  const store = createStore(device, { weights });
  const compiled = compile(segmentGraph(architecture, checkpoint, spec), { store, chooser, onFallback, onChoice });
  let lengths: number[] | undefined;
  return {
    store,
    read: async (batch) => {
      checkBatch(checkpoint, architecture, batch);
      const texts = batch.tokens.length;
      if (lengths !== undefined && lengths.length !== texts)
        throw rowsInvalid({ field: "tokens", expected: `${lengths.length} rows, one for each text`, found: `${texts}` });
      if (lengths === undefined)
        for (let layer = 0; layer < spec.layers; layer++) store.setState(stateOf(layer), zeros("f32", [texts, spec.entries, spec.width]));
      const before = lengths ?? batch.tokens.map(() => 0);
      const inputs = padded(architecture, config, batch);
      const added = batch.tokens.map(({ length }) => Math.min(length, spec.reused || length));
      const kept = keptOf(added, spec.entries, inputs["tokens"]!.shape[1]!);
      const { logits } = await compiled.run({ ...inputs, [KEPT]: kept, [LENGTHS]: i32([texts], before) });
      lengths = before.map((length, text) => Math.min(spec.entries, length + added[text]!));
      const perToken = architecture.head?.(config).perToken ?? true;
      return perToken ? trimmed(logits!, Math.max(...batch.tokens.map((row) => row.length))) : logits!;
    },
    forget: () => void (lengths = undefined),
    dispose: async () => {
      compiled.dispose();
      await store.dispose();
    },
  };
}

function memoryOf(architecture: Architecture, { config }: Checkpoint, given: number | undefined): MemorySpec {
  const spec = architecture.memory?.(config);
  if (spec === undefined) throw memoryMissing({ architecture: config.architecture });
  const entries = given ?? spec.entries;
  if (!Number.isSafeInteger(entries) || entries < 1)
    throw rowsInvalid({ field: "entries", expected: "how many tokens are remembered, which the config does not say", found: `${entries}` });
  return { ...spec, entries };
}

function segmentGraph(
  architecture: Architecture,
  { config }: Checkpoint,
  { layers, width, entries }: MemorySpec,
): ReturnType<typeof trace> {
  return trace((tracer) => {
    const inputs = declareInputs(tracer, architecture, config);
    const memory = declareMemory(tracer, { layers, width, entries });
    return { logits: architecture.forward(modelScope(tracer, architecture, config), config, { ...inputs, memory }) };
  });
}

function declareMemory(tracer: Tracer, { layers, width, entries }: Omit<MemorySpec, "reused">): SegmentMemory {
  const batch = dim("batch");
  const states = Array.from({ length: layers }, (_, layer) => tracer.state(stateOf(layer), "f32", [batch, entries, width]));
  const kept = tracer.input(KEPT, "i32", [batch, entries]);
  return {
    states,
    lengths: tracer.input(LENGTHS, "i32", [batch]),
    keep: (layer, read) => {
      const all = reshape(read, [symbolicSize(read.shape.slice(0, 2)), read.shape[2] as Dim]);
      tracer.assign(states[layer]!, rows(all, kept));
    },
  };
}

/** Of what each row read, remembered entries and tokens one after the other, those that it remembers next: i32 `[rows, entries]`. */
function keptOf(added: readonly number[], entries: number, width: number): HostTensor {
  const kept = added.flatMap((count, row) => Array.from({ length: entries }, (_, entry) => row * (entries + width) + count + entry));
  return i32([added.length, entries], kept);
}
