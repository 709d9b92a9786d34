/** The record of a run: enough to trace every number to what made it. */
import { isPareError } from "./error.ts";
import { writeText } from "./files.ts";
import type { StepDescription } from "./plugin.ts";
import type { RunDevice, StepOutcome } from "./step-run.ts";
import { recordJson, type CacheEntry, type RunStore, type Stored } from "./run-store.ts";

export interface RunRecord {
  readonly schema: 1;
  readonly id: string;
  readonly status: "running" | "complete" | "failed" | "cancelled";
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly ended?: string | undefined;
  /** What the caller ran: a recipe, a command line. */
  readonly config?: unknown;
  readonly seed: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Content hashes of files by the names that options give them. */
  readonly data: Readonly<Record<string, string>>;
  readonly device?: RunDevice | undefined;
  readonly inputs: Readonly<Record<string, Stored>>;
  readonly steps: readonly StepRecord[];
  readonly error?: { readonly code?: string | undefined; readonly message: string; readonly step?: string | undefined } | undefined;
}

export interface StepRecord extends StepDescription, CacheEntry {
  readonly key?: string | undefined;
  /** "cached": it ran in an earlier run, whose timings, metrics and events these are. */
  readonly status: "ran" | "cached";
}

export interface Recorder {
  readonly record: () => RunRecord;
  readonly step: (description: StepDescription, outcome: StepOutcome) => Promise<StepRecord>;
  readonly end: (status: Exclude<RunRecord["status"], "running">, error?: unknown, step?: string) => Promise<void>;
}

/** Starts a record; with a store it is written now and after each step, whole each time. */
export async function startRecord(
  facts: Pick<RunRecord, "config" | "seed" | "versions" | "data" | "device" | "inputs">,
  store: RunStore | undefined,
): Promise<Recorder> {
  let record: RunRecord = { schema: 1, id: newId(), status: "running", started: new Date().toISOString(), ...facts, steps: [] };
  const change = async (fields: Partial<RunRecord>): Promise<void> => {
    record = { ...record, ...fields };
    if (store !== undefined) await writeText(store.run(record.id), "record.json", recordJson(record));
  };
  await change({});
  return {
    record: () => record,
    step: async ({ use, version, options }, { cached, outputs, ...outcome }) => {
      const stored = Object.entries(outputs).flatMap(([name, slot]) => (slot.stored === undefined ? [] : [[name, slot.stored] as const]));
      const step: StepRecord = {
        use,
        version,
        options,
        status: cached ? "cached" : "ran",
        ...outcome,
        outputs: Object.fromEntries(stored),
      };
      await change({ steps: [...record.steps, step] });
      return step;
    },
    end: async (status, error, step) =>
      change({ status, ended: new Date().toISOString(), ...(error === undefined ? {} : { error: { ...faultOf(error), step } }) }),
  };
}

function faultOf(error: unknown): { code?: string; message: string } {
  if (isPareError(error)) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.message : String(error) };
}

/** Sorts by time; the tail keeps runs apart that begin in the same second. */
function newId(): string {
  const tail = Array.from(crypto.getRandomValues(new Uint8Array(3)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-")}-${tail}`;
}
