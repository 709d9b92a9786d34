import { defineStage, type Stage } from "@pare/core";
import { withConfig, type Checkpoint, type EmbeddingWeights } from "@pare/models";
import { denseOf, f32, type StoredWeight } from "@pare/tensor-core";
import { subjectOf } from "@pare/training";
import { z } from "zod";
import { symmetricEigen } from "./eigen.ts";
import { embeddingFixed, embeddingNotSmaller } from "./errors.ts";
import { loadPrunable, refuseQuantized } from "./prunable.ts";
import { pruningDeed, retrained, retrainField, type PruneState, type Retrain } from "./retrain.ts";

const ID = "prune/embedding";
const VERSION = 1;

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** Width of the table that is left: its rank. */
  readonly size: number;
  /** A step that trains what is left. */
  readonly retrain?: Retrain | undefined;
}

const options: z.ZodType<EmbeddingOptions, EmbeddingOptions> = z.object({
  size: z.int().min(1).describe("width of the table that is left: its rank"),
  retrain: retrainField,
});

/**
 * Factorises the token embedding E `[vocabulary, hidden]` (Lan et al., "ALBERT", 2020, section 3.1): E ≈ (E·V)·Vᵀ, V being the right
 * singular vectors of the `size` largest singular values, which no other product of that rank comes nearer to (Eckart and Young 1936).
 * The model then looks rows of `[vocabulary, size]` up and projects them; where the logits come from the same table, the hidden state is
 * brought to its width first, by a matrix of its own that training may move away from V. What is left of E's norm is a metric of the run.
 * A mask of the table is gone, and the table is dense f32.
 *
 * @throws `prune/embedding-fixed`, `prune/embedding-not-smaller`, `prune/quantized-weight`, `prune/not-finite`, and the retraining step.
 */
export const embedding: Stage<typeof ID, EmbeddingOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const { model } = state;
    const { size } = given;
    const { architecture } = subjectOf(model, context.registry);
    const before = architecture.embedding?.(model.config);
    if (before === undefined || before.projection !== undefined || architecture.withEmbedding === undefined)
      throw embeddingFixed({ architecture: model.config.architecture, factored: before?.projection !== undefined });
    const config = architecture.withEmbedding(model.config, size);
    const after = architecture.embedding!(config);
    const stored = model.weights.get(before.table)!;
    const [rows, hidden] = stored.shape as [number, number];
    const parameters = size * (rows + hidden * (after.output === undefined ? 1 : 2));
    if (parameters >= rows * hidden) throw embeddingNotSmaller({ size, parameters, whole: rows * hidden });
    refuseQuantized(model, [before.table]);
    const { values } = await loadPrunable(before.table, stored);
    const { weights, kept } = factors(values.data as Float32Array, [rows, hidden], size, after);
    context.emit({ type: "metric", name: "embedding factorised", kept });
    const deed = pruningDeed(ID, VERSION, given, context);
    const small = withConfig(model, config, new Map([...model.weights, ...weights]), deed);
    return { model: await retrained(small, state, given.retrain, context) };
  },
});

interface Factors {
  readonly weights: readonly (readonly [string, StoredWeight])[];
  /** ‖E·V·Vᵀ‖ ÷ ‖E‖. */
  readonly kept: number;
}

function factors(table: Float32Array, [rows, hidden]: readonly [number, number], size: number, names: EmbeddingWeights): Factors {
  const gram = new Float64Array(hidden * hidden);
  for (let row = 0; row < rows; row++) {
    const one = table.subarray(row * hidden, (row + 1) * hidden);
    for (let i = 0; i < hidden; i++) for (let j = 0; j < hidden; j++) gram[i * hidden + j] += one[i] * one[j];
  }
  const { values, vectors } = symmetricEigen(gram, hidden);
  const narrow = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < size; k++) {
      let sum = 0;
      for (let i = 0; i < hidden; i++) sum += table[row * hidden + i] * vectors[k * hidden + i];
      narrow[row * size + k] = sum;
    }
  }
  const output = Float32Array.from(vectors.subarray(0, size * hidden));
  const projection = Float32Array.from({ length: hidden * size }, (_, at) => output[(at % size) * hidden + Math.floor(at / size)]);
  const sum = (list: Float64Array): number => list.reduce((total, value) => total + Math.max(0, value), 0);
  return {
    weights: [
      [names.table, denseOf(f32([rows, size], narrow))],
      [names.projection!, denseOf(f32([hidden, size], projection))],
      ...(names.output === undefined ? [] : [[names.output, denseOf(f32([size, hidden], output))] as const]),
    ],
    kept: Math.sqrt(sum(values.subarray(0, size)) / (sum(values) || 1)),
  };
}
