/** One step through the store: looked up by its key, or run and stored. */
import type { Context, RunEvent } from "./context.ts";
import { stateMissing } from "./errors.ts";
import { removeAll } from "./files.ts";
import { hashJson } from "./hash.ts";
import { toJson, type Json } from "./json.ts";
import type { AnyPlugin, Registry, Step } from "./plugin.ts";
import type { CacheEntry, RunStore, Stored } from "./run-store.ts";
import { VERSION } from "./version.ts";

/** All that core knows of a device: its kernel variant is part of every key. */
export interface RunDevice {
  readonly backend: string;
  readonly variant: string;
  /** Part of the record, not of keys: results do not depend on it. */
  readonly threads?: number | undefined;
}

export interface StepEnvironment {
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly registry: Registry<AnyPlugin>;
  readonly device?: RunDevice | undefined;
  readonly chooser?: unknown;
  /** Versions of the packages whose code decides what steps give: part of every key, beside core's own. */
  readonly versions: Readonly<Record<string, string>>;
  /** Content hashes of files by the names that options give them: part of the key of each step whose options hold the name. */
  readonly data: Readonly<Record<string, string>>;
  readonly store?: RunStore | undefined;
  readonly emit: (event: RunEvent) => void;
}

/** A value of the run state; one that a stored step gave is loaded only when it is used. */
export interface Slot {
  /** Absent where nothing is stored. */
  readonly stored?: Stored | undefined;
  readonly value: () => Promise<unknown>;
}

export interface StepOutcome extends Omit<CacheEntry, "outputs"> {
  /** Absent where nothing is stored. */
  readonly key?: string | undefined;
  readonly cached: boolean;
  readonly outputs: Readonly<Record<string, Slot>>;
}

/** Throws `core/state-missing`, what the step throws, and what the store throws of its outputs. */
export async function runStep(
  step: Step<any, object>,
  state: Readonly<Record<string, Slot>>,
  environment: StepEnvironment,
): Promise<StepOutcome> {
  const { store } = environment;
  const inputs = inputsOf(step, state);
  if (store === undefined) return execute(step, inputs, environment);
  const key = await keyOf(step, inputs, environment);
  const entry = await store.entry(key);
  if (entry !== undefined) {
    const broken = await missing(entry, store);
    if (broken.length === 0) {
      await removeAll(store.scratch(key));
      return { ...entry, key, cached: true, outputs: slots(entry, environment, store) };
    }
    environment.emit({
      type: "warning",
      message: `stored outputs of ${step.use} are damaged (${broken.join(", ")}); it runs again`,
      step: step.use,
    });
  }
  return executeAndStore(step, inputs, environment, store, key);
}

/** The inputs a step reads: those it names, else the whole state. */
function inputsOf(step: Step<any, object>, state: Readonly<Record<string, Slot>>): Readonly<Record<string, Slot>> {
  if (step.needs === undefined) return state;
  return Object.fromEntries(
    step.needs.map((name) => {
      const slot = state[name];
      if (slot === undefined) throw stateMissing({ step: step.use, name, known: Object.keys(state) });
      return [name, slot];
    }),
  );
}

async function keyOf(step: Step<any, object>, inputs: Readonly<Record<string, Slot>>, environment: StepEnvironment): Promise<string> {
  const options = toJson(step.options, `${step.use}.options`);
  return hashJson({
    use: step.use,
    version: step.version,
    options,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, { stored }]) => [name, stored!.hash])),
    seed: environment.seed,
    versions: { ...environment.versions, "@pare/core": VERSION },
    data: dataNamedIn(options, environment.data),
    device: environment.device === undefined ? null : `${environment.device.backend}/${environment.device.variant}`,
  });
}

/** Of the data files those whose names stand somewhere in the options: a step that reads none does not run again for them. */
function dataNamedIn(options: Json, data: Readonly<Record<string, string>>): Record<string, string> {
  const named: Record<string, string> = {};
  const look = (value: Json): void => {
    if (typeof value === "string" && Object.hasOwn(data, value)) named[value] = data[value]!;
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(look);
  };
  look(options);
  return named;
}

async function executeAndStore(
  step: Step<any, object>,
  inputs: Readonly<Record<string, Slot>>,
  environment: StepEnvironment,
  store: RunStore,
  key: string,
): Promise<StepOutcome> {
  const scratch = store.scratch(key);
  const { outputs: live, cached: _cached, ...facts } = await execute(step, inputs, environment, { scratch });
  const outputs: Record<string, Stored> = {};
  for (const [name, slot] of Object.entries(live)) outputs[name] = await store.put(name, await slot.value(), environment.registry);
  const entry: CacheEntry = { ...facts, outputs };
  await store.complete(key, entry);
  await removeAll(scratch);
  // The next step gets what was stored, not what was made: a run that is cut off and resumed sees the same values.
  return { ...facts, key, cached: false, outputs: slots(entry, environment, store) };
}

async function execute(
  step: Step<any, object>,
  inputs: Readonly<Record<string, Slot>>,
  environment: StepEnvironment,
  extra: Pick<Context, "scratch"> = {},
): Promise<StepOutcome> {
  const { seed, signal, registry, device, chooser } = environment;
  const events: RunEvent[] = [];
  const emit = (event: RunEvent): void => {
    if (event.type !== "progress") events.push(event);
    environment.emit(event);
  };
  const state = Object.fromEntries(
    await Promise.all(Object.entries(inputs).map(async ([name, slot]) => [name, await slot.value()] as const)),
  );
  const began = performance.now();
  const given = (await step.run(state, { seed, signal, registry, device, chooser, emit, ...extra })) as Readonly<Record<string, unknown>>;
  return {
    cached: false,
    outputs: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, { value: async () => value }])),
    metrics: metricsOf(events),
    events,
    seconds: (performance.now() - began) / 1000,
    peakMemoryBytes: peakMemoryBytes(),
  };
}

function slots(entry: CacheEntry, { registry }: StepEnvironment, store: RunStore): Record<string, Slot> {
  return Object.fromEntries(
    Object.entries(entry.outputs).map(([name, stored]) => [name, { stored, value: once(() => store.get(stored.hash, registry)) }]),
  );
}

async function missing(entry: CacheEntry, store: RunStore): Promise<string[]> {
  const names: string[] = [];
  for (const [name, { hash }] of Object.entries(entry.outputs)) if (!(await store.has(hash))) names.push(name);
  return names;
}

/** The last number that metric events gave under each name. */
function metricsOf(events: readonly RunEvent[]): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const event of events) {
    if (event.type !== "metric") continue;
    for (const [name, value] of Object.entries(event)) if (typeof value === "number") metrics[name] = value;
  }
  return metrics;
}

/** Highest resident memory of the process until now, where the runtime tells it. */
function peakMemoryBytes(): number | undefined {
  const usage = (globalThis as { process?: { resourceUsage?: () => { maxRSS: number } } }).process?.resourceUsage?.();
  return usage === undefined ? undefined : usage.maxRSS * 1024;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
