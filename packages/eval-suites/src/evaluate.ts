/** Several suites on one model. */
import { checkOptions, isPlainObject, type AnyPlugin, type Context, type Json, type PluginOf, type SuiteReport } from "@pare/core";
import type { Checkpoint } from "@pare/models";

/** Any suite, whatever its options. */
export type AnySuite = PluginOf<AnyPlugin, "suite">;

/** A suite and its options: `{ use: "scan/simple", examples: 500 }`, or the suite's value as `use`. */
export interface SuiteRef {
  readonly use: string | AnySuite;
  readonly [option: string]: unknown;
}

export interface Result extends SuiteReport {
  readonly suite: string;
  readonly version: number;
  readonly citation: string;
  readonly options: Json;
}

/**
 * Runs suites one after the other on `context.device`, each with `context.seed`, and tells each result as a metric event. All names and
 * options are checked before the first one runs. Throws `core/plugin-unknown`, `core/options-invalid` and what a suite throws.
 */
export async function evaluate(
  subject: Checkpoint,
  suites: readonly SuiteRef[],
  context: Context,
): Promise<{ readonly results: readonly Result[] }> {
  const jobs = suites.map(({ use, ...options }) => {
    const suite = typeof use === "string" ? context.registry.find("suite", use) : use;
    return { suite, options, json: withoutText(checkOptions(suite.id, suite.options, options).json) };
  });
  const results: Result[] = [];
  for (const { suite, options, json } of jobs) {
    context.signal.throwIfAborted();
    const report = (await suite.run(subject, options, context)) as SuiteReport;
    const result: Result = { suite: suite.id, version: suite.version, citation: suite.citation, options: json, ...report };
    context.emit({ type: "metric", ...result });
    results.push(result);
  }
  return { results };
}

/** A text given as an option does not belong into every record: the report's data hash stands for it. */
function withoutText(options: Json): Json {
  if (!isPlainObject(options) || typeof options["data"] !== "string") return options;
  const { data: _text, ...rest } = options;
  return rest as Json;
}
