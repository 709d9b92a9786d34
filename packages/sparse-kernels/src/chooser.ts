/** A sparse weight runs sparse only where that is faster: both ways are timed on the device, once per kind of layer. */
import { isPareError } from "@pare/core";
import {
  compile,
  createStore,
  deviceMemoryExceeded,
  f32,
  firstCandidate,
  linear,
  sizeOf,
  trace,
  uniform,
  type Candidate,
  type Choice,
  type Chooser,
  type Device,
  type StoredWeight,
} from "@pare/tensor-core";
import { timingsInvalid } from "./errors.ts";
import { sparseAffineStorage } from "./storage/affine.ts";
import { blockStorage } from "./storage/block.ts";
import { csrStorage } from "./storage/csr.ts";
import { nOfMStorage } from "./storage/n-of-m.ts";

/** Milliseconds of one pass through the layer; Infinity (null in JSON): it does not fit into the device's memory. */
export interface Timing {
  readonly sparse: number;
  readonly dense: number;
}

export interface MeasuredChooserOptions {
  readonly device: Device;
  /** Timings that are known already, and where new ones are kept. A Map made by {@link parseTimings} will do. */
  readonly cache?: Pick<Map<string, Timing>, "get" | "set"> | undefined;
  /** For weights that are not sparse; by default their storage's first candidate. */
  readonly otherwise?: Chooser | undefined;
}

/**
 * Times each sparse weight's own kernel against the dense kernel over the densified weight and takes the faster one.
 *
 * One timing serves all layers of the same device variant, sizes, rows to the nearest power of two, and density to the
 * nearest power of √2. Which of two close ones wins may differ from run to run, and with it the last bits of the result:
 * keep the cache to repeat a run exactly.
 */
export function measuredChooser({ device, cache = new Map(), otherwise = firstCandidate }: MeasuredChooserOptions): Chooser {
  const measuring = new Map<string, Promise<Timing>>();
  return async (choice) => {
    const candidate = choice.candidates.find(({ approximate }) => approximate !== true);
    if (candidate === undefined || !MEASURED.has(choice.stored.storage)) return otherwise(choice);
    const rows = nearestPower(Math.max(1, choice.rows), 2);
    const key = keyOf(device, choice, candidate, rows);
    let timing = cache.get(key);
    if (timing === undefined) {
      const running = measuring.get(key) ?? measure(device, choice.stored, candidate, rows);
      measuring.set(key, running);
      timing = await running.finally(() => measuring.delete(key));
      cache.set(key, timing);
    }
    const faster = timing.sparse < timing.dense;
    return {
      candidate: faster ? candidate : undefined,
      why: `${show(timing.sparse)} sparse, ${show(timing.dense)} dense at ${rows} rows on ${device.backend} ${device.variant}`,
    };
  };
}

/** Timings that `Object.fromEntries(cache)` wrote as JSON. Throws `sparse-kernels/timings-invalid`. */
export function parseTimings(json: unknown): Map<string, Timing> {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw timingsInvalid({ field: "timings", expected: "an object", found: typeof json });
  const timings = Object.entries(json).map(([key, value]: [string, unknown]): [string, Timing] => {
    const { sparse, dense } = (value ?? {}) as Record<string, unknown>;
    if (!isTime(sparse) || !isTime(dense)) {
      throw timingsInvalid({ field: key, expected: '{ "sparse": milliseconds, "dense": milliseconds }', found: JSON.stringify(value) });
    }
    return [key, { sparse: sparse ?? Infinity, dense: dense ?? Infinity }];
  });
  return new Map(timings);
}

const MEASURED: ReadonlySet<string> = new Set([csrStorage.id, blockStorage.id, nOfMStorage.id, sparseAffineStorage.id]);
/** Long enough for an engine to have compiled the kernels for good, and for a slow moment to pass. */
const ENOUGH_MS = 40;
const FEWEST_ROUNDS = 5;
/** Where a single pass takes very long, fewer rounds must do. */
const MOST_MS = 1000;
/** A batch of runs lasts at least this long, since some clocks tick only ten times in a millisecond. */
const BATCH_MS = 1;

function keyOf({ backend, variant }: Device, { stored }: Choice, { name, derived }: Candidate, rows: number): string {
  // Of codes the floats that they stand for run.
  const { shape } = (stored.parts["values"] ?? derived!["values32"])!;
  const density = nearestPower(Math.max(1, sizeOf(shape)) / sizeOf(stored.shape), Math.SQRT2);
  return `${backend} ${variant} ${name} ${stored.shape.join("x")} rows ${rows} density ${density.toPrecision(2)}`;
}

/** The fastest of interleaved batches. */
async function measure(device: Device, stored: StoredWeight, candidate: Candidate, rows: number): Promise<Timing> {
  const ways = await Promise.all([layerOf(device, stored, candidate, rows), layerOf(device, stored, undefined, rows)]);
  const best = ways.map(() => Infinity);
  const begin = performance.now();
  for (let round = 0, taken = 0; taken < ENOUGH_MS || (round < FEWEST_ROUNDS && taken < MOST_MS); round++) {
    for (const [index, way] of ways.entries()) best[index] = Math.min(best[index]!, await way.time());
    taken = performance.now() - begin;
  }
  for (const way of ways) await way.dispose();
  return { sparse: best[0]!, dense: best[1]! };
}

interface Layer {
  /** Milliseconds of one run. */
  readonly time: () => Promise<number>;
  readonly dispose: () => Promise<void>;
}

/** One linear layer over the weight, with its activations already on the device. */
async function layerOf(device: Device, stored: StoredWeight, candidate: Candidate | undefined, rows: number): Promise<Layer> {
  const store = createStore(device, { weights: new Map([["weight", stored]]) });
  const features = stored.shape[1]!;
  const graph = trace((t) => ({ y: linear(t.state("x", "f32", [rows, features]), t.weight("weight", stored.shape)) }));
  const layer = compile(graph, { store, chooser: () => Promise.resolve({ candidate, why: "measured" }) });
  const dispose = async (): Promise<void> => {
    layer.dispose();
    await store.dispose();
  };
  let runs = 1;
  const time = async (): Promise<number> => {
    for (;;) {
      const begin = performance.now();
      for (let run = 0; run < runs; run++) await layer.run({}, { read: [] });
      const taken = performance.now() - begin;
      if (taken >= BATCH_MS) return taken / runs;
      runs *= 2;
    }
  };
  try {
    store.setState("x", f32([rows, features], uniform(1, 0, rows * features)));
    await layer.run({}, { read: [] });
    return { time, dispose };
  } catch (error) {
    await dispose();
    if (isPareError(error) && error.code === deviceMemoryExceeded.code)
      return { time: () => Promise.resolve(Infinity), dispose: () => Promise.resolve() };
    throw error;
  }
}

function nearestPower(value: number, base: number): number {
  return base ** Math.round(Math.log(value) / Math.log(base));
}

function show(ms: number): string {
  return ms === Infinity ? "too large" : `${ms.toPrecision(3)} ms`;
}

function isTime(value: unknown): value is number | null {
  return value === null || (typeof value === "number" && value > 0);
}
