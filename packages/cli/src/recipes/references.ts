/** What the options of a step name in turn — a data set, an objective, a step to retrain with — checked before anything runs. */
import { checkOptions, isPluginRef, resolveRef, resolveStep, type PluginKind, type PluginRef, type Registry } from "@pare/core";
import { located } from "../errors.ts";

/**
 * Looks up every `{ use, … }` inside options and checks its own options; one whose kind takes none that can be checked is looked up
 * alone.
 *
 * @param file recipe, for errors. @param place of the options in it: `steps[0] (train/finetune)`.
 * @throws `core/plugin-unknown`, `core/options-invalid`, `core/option-unknown`, `core/step-invalid`, with file and place.
 */
export function checkReferences(registry: Registry, options: unknown, file: string, place: string): void {
  if (typeof options !== "object" || options === null) return;
  for (const [name, value] of Object.entries(options)) {
    const field = Array.isArray(options) ? `${place}[${name}]` : `${place}.${name}`;
    if (!isPluginRef(value)) {
      checkReferences(registry, value, file, field);
      continue;
    }
    try {
      checkReference(registry, kindOf(registry, value.use, name), name === "prune" ? withShare(registry, value) : value, field);
    } catch (error) {
      throw located(error, { file, place: field, use: value.use });
    }
    checkReferences(registry, value, file, `${field} (${value.use})`);
  }
}

/** A stage that is named as `prune` lacks the share, which the stage that names it gives: the options are checked with one. */
function withShare(registry: Registry, ref: PluginRef): PluginRef {
  const takes = (registry.list("stage").find(({ id }) => id === ref.use)?.jsonSchema ?? {}) as { readonly properties?: object };
  const option = ["sparsity", "fraction"].find((share) => share in (takes.properties ?? {}) && !(share in ref));
  return option === undefined ? ref : { ...ref, [option]: 0.5 };
}

const KINDS = ["stage", "data", "objective"] as const satisfies readonly PluginKind[];
type Kind = (typeof KINDS)[number];

/** The kind that holds the id; where none does, the one that the option's name speaks of. */
function kindOf(registry: Registry, use: string, option: string): Kind {
  return KINDS.find((kind) => registry.list(kind).some(({ id }) => id === use)) ?? KINDS.find((kind) => kind === option) ?? "stage";
}

function checkReference(registry: Registry, kind: Kind, ref: { readonly use: string }, field: string): void {
  if (kind === "stage") {
    resolveStep(registry, ref, field);
    return;
  }
  resolveRef<Kind, void>(
    registry,
    kind,
    ref,
    (plugin, options) => {
      const schema = (plugin as { readonly define?: { readonly options?: Parameters<typeof checkOptions>[1] } }).define?.options;
      if (schema !== undefined) checkOptions(plugin.id, schema, options);
    },
    field,
  );
}
