/** From names that a recipe holds to plugins and steps. */
import { stepInvalid } from "./errors.ts";
import { isPlainObject, isWritten } from "./json.ts";
import type { AnyPlugin, PluginKind, PluginOf, Registry, Step } from "./plugin.ts";

/** Names a plugin and its options, as recipes do: `{ "use": "prune/heads", "fraction": 0.3 }`. */
export interface PluginRef {
  readonly use: string;
  /** Version it was written for; refused when the installed plugin has another. */
  readonly version?: number | undefined;
  readonly [option: string]: unknown;
}

/** The step that a recipe's entry names. Throws `core/plugin-unknown`, `core/step-invalid` and what the stage says of its options. */
export function resolveStep(registry: Registry, ref: unknown, field: string = "step"): Step<any, object> {
  if (isWritten(ref)) return ref as unknown as Step<any, object>;
  const { plugin, options } = lookUp(registry, "stage", ref, field);
  return plugin(options);
}

/**
 * An option that takes a value or names a plugin: a value is given back, a reference is looked up and made.
 *
 * @param make turns the plugin and the options beside `use` into the value.
 */
export function resolveRef<K extends PluginKind, Value>(
  registry: Registry,
  kind: K,
  value: Value | PluginRef,
  make: (plugin: PluginOf<AnyPlugin, K>, options: Readonly<Record<string, unknown>>) => Value,
  field: string = kind,
): Value {
  if (!isPluginRef(value)) return value;
  const { plugin, options } = lookUp(registry, kind, value, field);
  return make(plugin, options);
}

/** True for `{ use, … }` as JSON holds it; false for a live value, which knows its own `use` too. */
export function isPluginRef(value: unknown): value is PluginRef {
  return isPlainObject(value) && typeof value["use"] === "string" && !isWritten(value);
}

function lookUp<K extends PluginKind>(
  registry: Registry,
  kind: K,
  ref: unknown,
  field: string,
): { plugin: PluginOf<AnyPlugin, K>; options: Readonly<Record<string, unknown>> } {
  if (!isPluginRef(ref)) {
    throw stepInvalid({
      field,
      expected: `{ "use": "<id of a ${kind}>", … }`,
      found: JSON.stringify(ref) ?? typeof ref,
      next: "Name the plugin with `use`.",
    });
  }
  const { use, version, ...options } = ref;
  const plugin = registry.find(kind, use);
  if (version !== undefined && version !== plugin.version) {
    throw stepInvalid({
      field: `${field}.version`,
      expected: `version ${plugin.version}, which ${plugin.package} has`,
      found: `version ${JSON.stringify(version)}`,
      next: `Install the ${plugin.package} that has it, or leave the version out and check the options.`,
    });
  }
  return { plugin, options };
}
