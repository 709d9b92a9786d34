/** An exporter writes a checkpoint where some runtime loads it. The plugin kind is open: other packages bring theirs. */
import { API_VERSION, checkOptions, jsonSchemaOf, type FileSet, type Named, type Progress, type Registry } from "@pare/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Checkpoint } from "../checkpoint.ts";

export interface ExportRequest {
  /** Where the result goes; every file appears whole or not at all. */
  readonly files: FileSet;
  /** As a person gives them; checked by the exporter's schema before anything is written. */
  readonly options?: unknown;
  readonly registry: Registry;
  readonly progress?: ((progress: Progress) => void) | undefined;
  /** Aborted: the export throws `signal.reason` before the next weight. */
  readonly signal?: AbortSignal | undefined;
}

/** A weight that is written in another form than it is stored in. */
export interface ExportChange {
  readonly weight: string;
  /** Its storage in the checkpoint: "sparse-csr". */
  readonly from: string;
  /** The form it was written in, in the format's own words: "f32", "q8_0". */
  readonly to: string;
  /** True: the same numbers; false: rounded. */
  readonly exact: boolean;
  /** Why it could not stay as it was, in words. */
  readonly why: string;
}

export interface ExportResult {
  readonly changes: readonly ExportChange[];
  /** What else a person should know, in sentences. */
  readonly notes: readonly string[];
}

/** What an `exporter` plugin defines. */
export interface Exporter {
  readonly options: StandardSchemaV1;
  /** Ending of the one file that it writes ("gguf"), which is called `model.<ending>`; absent: it writes a folder. */
  readonly ending?: string | undefined;
  /**
   * Writes the checkpoint. What the format cannot say is refused with a coded error before anything is written, or is written
   * in another form and listed in the result. Weights are read one at a time.
   */
  readonly write: (checkpoint: Checkpoint, request: ExportRequest) => Promise<ExportResult>;
}

export type ExporterPlugin<Id extends string = string> = Named<"exporter", Id, Exporter>;

export interface ExporterDefinition<Id extends string, Schema extends StandardSchemaV1> extends Pick<Exporter, "ending"> {
  readonly id: Id;
  /** Raised when the same options would give other bytes. */
  readonly version: number;
  /** npm package that holds it. */
  readonly package: string;
  readonly options: Schema;
  readonly write: (
    checkpoint: Checkpoint,
    request: Omit<ExportRequest, "options"> & { readonly options: StandardSchemaV1.InferOutput<Schema> },
  ) => Promise<ExportResult>;
}

/** An exporter from its parts: options are checked first, and reading a weight reports progress and minds the signal. */
export function defineExporter<const Id extends string, Schema extends StandardSchemaV1>(
  definition: ExporterDefinition<Id, Schema>,
): ExporterPlugin<Id> {
  const { id, version, options: schema, ending } = definition;
  return {
    kind: "exporter",
    id,
    version,
    apiVersion: API_VERSION,
    package: definition.package,
    jsonSchema: jsonSchemaOf(schema),
    define: {
      options: schema,
      ending,
      write: async (checkpoint, request) => {
        const options = checkOptions(id, schema, request.options ?? {}).value;
        return definition.write(watchReads(checkpoint, request), { ...request, options });
      },
    },
  };
}

/** The same checkpoint; reading a weight for the first time counts as progress, and none is read after an abort. */
function watchReads(checkpoint: Checkpoint, { progress, signal }: Pick<ExportRequest, "progress" | "signal">): Checkpoint {
  const read = new Set<string>();
  const total = checkpoint.weights.size;
  const watched = async <Value>(weight: string, work: () => Promise<Value>): Promise<Value> => {
    signal?.throwIfAborted();
    const value = await work();
    if (!read.has(weight)) progress?.({ done: read.add(weight).size, total, unit: "weights", message: weight });
    return value;
  };
  const weights = [...checkpoint.weights].map(([name, stored]) => {
    const parts = Object.entries(stored.parts).map(([part, source]) => [part, { ...source, read: () => watched(name, source.read) }]);
    return [name, { ...stored, parts: Object.fromEntries(parts), dense: () => watched(name, stored.dense) }] as const;
  });
  return { ...checkpoint, weights: new Map(weights) };
}
