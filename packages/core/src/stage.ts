import type { StandardSchemaV1 } from "@standard-schema/spec";
import { claimCore } from "./copy.ts";
import { checkOptions, jsonSchemaOf } from "./options.ts";
import type { Context } from "./context.ts";
import { API_VERSION, type Stage, type Suite, type SuiteReport } from "./plugin.ts";

export interface StageDefinition<Id extends string, Schema extends StandardSchemaV1, Needs, Gives extends object> {
  /** `<prefix>/<name>`; the prefix is that of the package. */
  readonly id: Id;
  /** Raised when the same options would give other results: earlier outputs in the store are then not used. */
  readonly version: number;
  /** npm package that holds the stage. */
  readonly package: string;
  readonly options: Schema;
  /** Names of the run state it reads. Without them it gets all, and any change of the state runs it again. */
  readonly needs?: readonly (keyof Needs & string)[] | undefined;
  readonly run: (state: Needs, options: StandardSchemaV1.InferOutput<Schema>, context: Context) => Promise<Gives>;
}

/**
 * A stage from its parts. Calling it with options checks them at once and gives a step that can be written as JSON.
 *
 * @throws on the call: `core/options-invalid`, `core/option-unknown`, `core/options-async`, `core/not-json`.
 */
export function defineStage<const Id extends string, Schema extends StandardSchemaV1, Needs, Gives extends object>(
  definition: StageDefinition<Id, Schema, Needs, Gives>,
): Stage<Id, StandardSchemaV1.InferInput<Schema>, Needs, Gives> {
  claimCore();
  const { id, version, options: schema, needs, run } = definition;
  const make: (input: StandardSchemaV1.InferInput<Schema>) => ReturnType<Stage<Id, unknown, Needs, Gives>> = (input) => {
    const { value, json } = checkOptions(id, schema, input);
    return { use: id, version, options: json, needs, run: (state, context) => run(state, value, context) };
  };
  return Object.assign(make, {
    kind: "stage" as const,
    id,
    version,
    apiVersion: API_VERSION,
    package: definition.package,
    jsonSchema: jsonSchemaOf(schema),
    options: schema as StandardSchemaV1<StandardSchemaV1.InferInput<Schema>, unknown>,
  });
}

export interface SuiteDefinition<Id extends string, Schema extends StandardSchemaV1, Subject, Report extends SuiteReport> {
  readonly id: Id;
  readonly version: number;
  readonly package: string;
  readonly citation: string;
  readonly options: Schema;
  readonly run: (subject: Subject, options: StandardSchemaV1.InferOutput<Schema>, context: Context) => Promise<Report>;
}

/** A suite from its parts: `run` of the suite takes options as a person gives them and checks them first. */
export function defineSuite<const Id extends string, Schema extends StandardSchemaV1, Subject, Report extends SuiteReport>(
  definition: SuiteDefinition<Id, Schema, Subject, Report>,
): Suite<Id, StandardSchemaV1.InferInput<Schema>, Subject, Report> {
  claimCore();
  const { id, version, citation, options: schema, run } = definition;
  return {
    kind: "suite",
    id,
    version,
    apiVersion: API_VERSION,
    package: definition.package,
    citation,
    jsonSchema: jsonSchemaOf(schema),
    options: schema as StandardSchemaV1<StandardSchemaV1.InferInput<Schema>, unknown>,
    run: async (subject, input, context) => run(subject, checkOptions(id, schema, input).value, context),
  };
}
