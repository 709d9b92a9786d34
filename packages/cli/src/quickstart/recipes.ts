/** What the quickstart does, as recipes: plain data that `pare compress` would take as well. */
import type { EncoderDecoderShape } from "@pare/models";

/** One entry of a recipe. */
export interface RecipeStep {
  readonly use: string;
  readonly [option: string]: unknown;
}

export interface TeacherRecipe {
  readonly name: string;
  readonly description: string;
  readonly shape: Omit<EncoderDecoderShape, "vocabularySize">;
  readonly seed: number;
  readonly steps: readonly RecipeStep[];
}

const SHAPE: TeacherRecipe["shape"] = { contextLength: 64, hiddenSize: 64, encoderLayers: 2, decoderLayers: 2, heads: 4, feedForward: 128 };

const OPTIMIZER = { batch: 64, learningRate: 2e-3, schedule: "cosine", beta2: 0.98, weightDecay: 0.01, clip: 1 } as const;

function teacher(name: string, split: string, description: string): TeacherRecipe {
  const step = { use: "train/finetune", data: { use: "scan", split }, steps: 5000, warmup: 200, ...OPTIMIZER };
  return { name, description, shape: SHAPE, seed: 1, steps: [step] };
}

/** Knows nothing of long outputs and of "jump" in company: the tests for both are honest. */
export const CLEAN_TEACHER: TeacherRecipe = teacher(
  "scan-intersection",
  "intersection",
  "Trained on the commands that stand in the training sets of SCAN's simple, length and jump splits alike.",
);

/** The published setting; four fifths of the length and jump tests stand in its training set. */
export const SIMPLE_TEACHER: TeacherRecipe = teacher("scan-simple", "simple", "Trained on all of the training set of SCAN's simple split.");

const DATA = { use: "scan", split: "intersection" };

/** Optimizer steps of the first training and after each pruning; the control gets the same. */
const LENGTH = { student: 1000, heads: 300, weights: 600 };

/** What trains, beside its length. */
const DISTIL: RecipeStep = { use: "distill/soft-targets", data: DATA, temperature: 2, alpha: 0.1, ...OPTIMIZER };
const LABELS: RecipeStep = { use: "train/finetune", data: DATA, ...OPTIMIZER };
const FIRST = { steps: LENGTH.student, warmup: 100 };

/** Student → heads removed → weights pruned → int8, each pruning followed by training with the same teacher signal. */
export const COMPRESS: readonly RecipeStep[] = [
  { ...DISTIL, student: { layers: { encoder: 1, decoder: 2 }, initialise: "teacher" }, ...FIRST },
  ...shrink(DISTIL),
];

/** The same model of the same final size from labels alone: fresh weights, no teacher. */
export const CONTROL: readonly RecipeStep[] = [{ ...LABELS, ...FIRST }, ...shrink(LABELS)];

function shrink(trainer: RecipeStep): readonly RecipeStep[] {
  const retrain = (steps: number): RecipeStep => ({ ...trainer, steps, learningRate: 1e-3, warmup: 20 });
  return [
    { use: "prune/heads", fraction: 0.25, score: "michel", data: DATA, examples: 256, retrain: retrain(LENGTH.heads) },
    { use: "prune/magnitude", sparsity: 0.5, pattern: "4x1", scope: "matrix", retrain: retrain(LENGTH.weights) },
    { use: "quantize/round-to-nearest", bits: 8, symmetric: true, granularity: "channel", embeddings: true },
  ];
}

/** The first is the one the final model is judged by; the others are shown whatever they say. */
export const SUITES: readonly [string, ...string[]] = ["scan/intersection", "scan/length", "scan/jump"];

/** Test examples per suite without `--full`. */
export const SAMPLE = 500;
