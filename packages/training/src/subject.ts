/** Models as programs see them: a checkpoint with its computation, its weights under names that do not meet. */
import type { Context, Registry } from "@pare/core";
import type { Architecture, ArchitecturePlugin, Checkpoint } from "@pare/models";
import type { ChoiceEvent, Device, StoredWeight } from "@pare/tensor-core";
import { deviceMissing, modelMissing } from "./errors.ts";
import type { Objective } from "./objective.ts";

/** A checkpoint together with its computation. */
export interface Subject {
  readonly checkpoint: Checkpoint;
  readonly architecture: Architecture;
}

/** Throws `core/plugin-unknown` for an architecture that nobody registered. */
export function subjectOf(checkpoint: Checkpoint, registry: Pick<Registry, "find">): Subject {
  const plugin = registry.find("architecture", checkpoint.config.architecture) as ArchitecturePlugin;
  return { checkpoint, architecture: plugin.define };
}

/** The models an objective reads, each with its computation. Throws `training/model-missing`. */
export function frozenSubjects(
  objective: Objective,
  models: Readonly<Record<string, Checkpoint>>,
  { registry }: Pick<Context, "registry">,
): Record<string, Subject> {
  return Object.fromEntries(
    objective.models.map((name) => {
      const checkpoint = models[name];
      if (checkpoint === undefined) throw modelMissing({ objective: objective.use, model: name, known: Object.keys(models) });
      return [name, subjectOf(checkpoint, registry)];
    }),
  );
}

/** Name under which a store holds a weight of a frozen model. */
export function frozenWeight(model: string, weight: string): string {
  return `@${model}/${weight}`;
}

/** All weights of a program: the subject's under their names, those of frozen models under theirs. */
export function storedWeights(subject: Subject, frozen: Readonly<Record<string, Subject>>): Map<string, StoredWeight> {
  const weights = new Map(subject.checkpoint.weights);
  for (const [model, { checkpoint }] of Object.entries(frozen)) {
    for (const [name, stored] of checkpoint.weights) weights.set(frozenWeight(model, name), stored);
  }
  return weights;
}

/** The context's device. Throws `training/device-missing`. */
export function deviceOf({ device }: Pick<Context, "device">, use: string): Device {
  if (typeof device !== "object" || device === null || !("prepare" in device)) throw deviceMissing({ use });
  return device as Device;
}

/** Fallbacks and choices of a compilation as events of the run. */
export function listeners(
  context: Pick<Context, "emit">,
  device: Device,
): { onFallback: (op: string) => void; onChoice: (choice: ChoiceEvent) => void } {
  return {
    onFallback: (op) => context.emit({ type: "fallback", op, device: device.backend }),
    onChoice: (choice) => context.emit({ type: "choice", ...choice }),
  };
}
