/** The plugin contract. core knows no tensors: everything that passes between steps is an {@link Artifact} or plain JSON. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Artifact, FileSet } from "./artifact.ts";
import type { Context, Progress } from "./context.ts";

/** The version of this contract that a plugin was written against. */
export const API_VERSION = 1 as const;

/** What a recipe file holds for one step, and what a job carries to another machine: always plain JSON. */
export interface StepDescription {
  readonly use: string;
  readonly version: number;
  readonly options: unknown;
}

/** One configured step: reads `Needs` from the run state, adds `Gives` to it. */
export interface Step<in Needs, out Gives> extends StepDescription {
  /** Names of the state it reads; it gets all where this is absent. */
  readonly needs?: readonly string[] | undefined;
  readonly run: (state: Needs, context: Context) => Promise<Gives>;
}

/** What every plugin says of itself. */
export interface Described<Kind extends string, Id extends string> {
  readonly kind: Kind;
  readonly id: Id;
  readonly version: number;
  readonly apiVersion: typeof API_VERSION;
  /** npm package that holds it, for `pare plugins` and for errors. */
  readonly package: string;
  /** JSON Schema of the options, for `pare plugins --json` and editors. */
  readonly jsonSchema?: object | undefined;
}

/** Calling it with options gives a step; wrong options throw `core/options-invalid` at once. */
export interface Stage<Id extends string, Input, Needs, Gives> extends Described<"stage", Id> {
  (options: Input): Step<Needs, Gives>;
  readonly options: StandardSchemaV1<Input, unknown>;
}

/** What a suite measures: numbers by name, plus anything JSON that explains them. */
export interface SuiteReport {
  readonly metrics: Readonly<Record<string, number>>;
  readonly [detail: string]: unknown;
}

export interface Suite<Id extends string, Input, Subject, Report extends SuiteReport> extends Described<"suite", Id> {
  readonly options: StandardSchemaV1<Input, unknown>;
  readonly citation: string;
  readonly run: (subject: Subject, options: Input, context: Context) => Promise<Report>;
}

export interface Format<Id extends string, Content> extends Described<"format", Id> {
  readonly detect: (files: FileSet) => Promise<boolean>;
  readonly read: (files: FileSet) => Promise<Content>;
  /** Absent where the format is read only. */
  readonly write?: ((content: Content, files: FileSet) => Promise<void>) | undefined;
}

/** Where files come from by a name with a scheme: `hub:owner/name`. Its id is the scheme. */
export interface Source<Id extends string> extends Described<"source", Id> {
  /**
   * Files that can be read. Whatever is fetched, is fetched when it is read for the first time.
   *
   * @param reference what stands after the colon.
   */
  readonly open: (reference: string, options?: SourceOptions) => Promise<FileSet>;
}
export interface SourceOptions {
  /** Nothing is asked of a network: what was fetched before must do. */
  readonly offline?: boolean | undefined;
  /** Aborted: fetching throws `signal.reason`, and keeps what it has for the next time. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of one file at a time. */
  readonly progress?: ((progress: Progress) => void) | undefined;
}

export interface OpenOptions {
  readonly threads?: number | undefined;
  /** Kernels of other packages for this backend; a device takes those whose `backend` is its own. */
  readonly packs?: readonly AnyPack[] | undefined;
  /** Plain SIMD everywhere, so that every machine gives the same bytes. */
  readonly portable?: boolean | undefined;
}
export interface Backend<Id extends string, Device> extends Described<"backend", Id> {
  /** null: not available on this machine. */
  readonly open: (options?: OpenOptions) => Promise<Device | null>;
  /** What a machine must have, told where `open` gives null: "Install the package …, and a driver for …". */
  readonly needs?: string | undefined;
}
export interface Pack<BackendId extends string> extends Described<"pack", string> {
  readonly backend: BackendId;
}
export type AnyPack = Pack<string>;

/** Carries jobs out somewhere; jobs are descriptions plus artifact hashes, never closures. */
export interface Runner<Id extends string> extends Described<"runner", Id> {
  readonly map: (jobs: AsyncIterable<Job> | Iterable<Job>, context: Context) => AsyncIterable<JobResult>;
}
export interface Job {
  readonly step: StepDescription;
  /** State name → artifact hash in the store. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly seed: number;
}
export interface JobResult {
  readonly job: Job;
  readonly outputs: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Loads artifacts of one kind from the files they saved. */
export interface ArtifactLoader<Id extends string, Value extends Artifact> extends Described<"artifact", Id> {
  readonly load: (files: FileSet, context: Pick<Context, "registry">) => Promise<Value>;
}

/** Kinds that other packages define in full: core only lists and finds them. */
export interface Named<
  Kind extends "storage" | "architecture" | "data" | "objective" | "exporter",
  Id extends string,
  Definition,
> extends Described<Kind, Id> {
  readonly define: Definition;
}

/* eslint-disable typescript/no-explicit-any -- the union of all plugins is where their own types are forgotten */
export type AnyPlugin =
  | Stage<string, any, any, any>
  | Suite<string, any, any, any>
  | Format<string, any>
  | Source<string>
  | Backend<string, any>
  | Pack<string>
  | Runner<string>
  | ArtifactLoader<string, any>
  | Named<"storage", string, any>
  | Named<"architecture", string, any>
  | Named<"data", string, any>
  | Named<"objective", string, any>
  | Named<"exporter", string, any>;

export type PluginKind = AnyPlugin["kind"];
export type PluginOf<P, Kind> = Extract<P, { readonly kind: Kind }>;

export interface Registry<P extends AnyPlugin = AnyPlugin> {
  /** For names known at compile time. */
  get<K extends P["kind"], I extends PluginOf<P, K>["id"]>(kind: K, id: I): Extract<P, { readonly kind: K; readonly id: I }>;
  /** For names a person typed; an unknown one throws `core/plugin-unknown` with near names and the package that may hold it. */
  find<K extends PluginKind>(kind: K, id: string): PluginOf<AnyPlugin, K>;
  list<K extends PluginKind>(kind: K): ReadonlyArray<PluginOf<AnyPlugin, K>>;
}
