/** A smaller model made from a teacher. */
import { createCheckpoint, freshSource, type Architecture, type Checkpoint, type ModelConfig, type WeightSpec } from "@pare/models";
import { denseOf, denseWeight, fork, type Seed, type StoredWeight } from "@pare/tensor-core";
import { layersInvalid, shapeDiffers } from "./errors.ts";

export interface StudentShape {
  /** Layers kept: in every stack, or by stack (`{ encoder: 2, decoder: 1 }`; stacks left out stay whole). */
  readonly layers?: number | Readonly<Record<string, number>> | undefined;
  /** Share of the layers of every stack kept, at least one; instead of `layers`. */
  readonly fraction?: number | undefined;
  /** Config fields that differ from the teacher's. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /** "teacher" (default): every weight starts as the teacher's, layers spread evenly over the teacher's; "random": all drawn anew. */
  readonly initialise?: "teacher" | "random" | undefined;
}

/** `count` of `total` layers spread evenly from the first: 3 of 6 are 0, 2, 4, the choice of DistilBERT (Sanh et al. 2019). */
export function spreadLayers(total: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor((index * total) / count));
}

/**
 * The student before training. It has its teacher's tokenizer, and its teacher's past as its own: what the teacher saw reaches
 * the student through its outputs, also where no weight is copied.
 *
 * @throws `distill/layers-invalid`, `distill/shape-differs`, and what the architecture says of a config.
 */
export async function makeStudent(teacher: Checkpoint, architecture: Architecture, shape: StudentShape, seed: Seed): Promise<Checkpoint> {
  const kept = keptLayers(architecture, teacher.config, shape);
  const config = architecture.parse({ ...architecture.withLayers(teacher.config, kept), ...shape.config }, "student.config");
  const specs = architecture.weights(config);
  const nameOf = teacherNames(architecture, teacher.config, config, kept);
  const copy = shape.initialise !== "random";
  const weights: [string, StoredWeight][] = [];
  for (const spec of specs) {
    const source = copy ? teacher.weights.get(nameOf(spec.name)) : undefined;
    weights.push([spec.name, source === undefined ? fresh(spec, seed) : await trainable(spec, source)]);
  }
  const { tokenizer, provenance } = teacher;
  return createCheckpoint({ config, weights, tokenizer, provenance });
}

function fresh(spec: WeightSpec, seed: Seed): StoredWeight {
  return denseWeight(freshSource(spec, fork(seed, "student")));
}

/** The teacher's weight in a form that trains: quantized ones as the numbers they stand for. */
async function trainable({ name, shape }: WeightSpec, stored: StoredWeight): Promise<StoredWeight> {
  if (stored.shape.join() !== shape.join())
    throw shapeDiffers({ weight: name, expected: `[${shape.join(", ")}]`, found: `[${stored.shape.join(", ")}]` });
  return stored.trainable ? stored : denseOf(await stored.dense());
}

/** By stack, the teacher's layers that the student keeps; stacks that stay whole are left out. */
function keptLayers(
  architecture: Architecture,
  config: ModelConfig,
  { layers, fraction }: StudentShape,
): Record<string, readonly number[]> {
  const stacks = architecture.layers(config);
  const wanted = (stack: string, total: number): number | undefined => {
    if (fraction !== undefined) return Math.max(1, Math.round(fraction * total));
    return typeof layers === "number" ? layers : layers?.[stack];
  };
  for (const stack of typeof layers === "object" ? Object.keys(layers) : []) {
    if (stacks.some((known) => known.stack === stack)) continue;
    throw layersInvalid({ stack, expected: `a stack of ${stacks.map((known) => known.stack).join(", ")}`, found: stack });
  }
  return Object.fromEntries(
    stacks.flatMap(({ stack, prefixes }) => {
      const total = prefixes.length;
      const count = wanted(stack, total);
      if (count === undefined) return [];
      if (count < 1 || count > total) throw layersInvalid({ stack, expected: `1 to ${total} layers`, found: `${count}` });
      return [[stack, spreadLayers(total, count)]];
    }),
  );
}

/** From a student's weight to the teacher's that it starts as. */
function teacherNames(
  architecture: Architecture,
  teacher: ModelConfig,
  student: ModelConfig,
  kept: Readonly<Record<string, readonly number[]>>,
): (name: string) => string {
  const from = new Map(architecture.layers(teacher).map(({ stack, prefixes }) => [stack, prefixes]));
  const moves = architecture
    .layers(student)
    .flatMap(({ stack, prefixes }) => prefixes.map((prefix, index) => [prefix, from.get(stack)?.[kept[stack]?.[index] ?? index]] as const));
  return (name) => {
    const [prefix, old] = moves.find(([prefix]) => name.startsWith(prefix)) ?? ["", ""];
    return old === undefined ? name : old + name.slice(prefix.length);
  };
}
