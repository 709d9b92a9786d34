import { defineStage, toJson, type Context, type Stage } from "@pare/core";
import { headOf, withSeen, withWeights, type Architecture, type Checkpoint } from "@pare/models";
import {
  dataFields,
  ONE_LENGTH,
  oneLength,
  prepareSequences,
  subjectOf,
  train,
  trainFields,
  type DataOptions,
  type TrainOptionsGiven,
  type TrainSettings,
} from "@pare/training";
import { z } from "zod";
import { modelsDiffer, studentMissing } from "./errors.ts";
import { softTargets, softTargetsFields, type SoftTargetsSettings } from "./soft-targets-objective.ts";
import { makeStudent, type StudentShape } from "./student.ts";

const ID = "distill/soft-targets";
const VERSION = 2;

/** Options of {@link distil}: the student, the data, temperature and alpha, and how to train. */
export interface SoftTargetsOptions extends DataOptions, TrainOptionsGiven, SoftTargetsSettings {
  /** How the student is made from the teacher; absent: the run state's `model` is the student and `teacher` its teacher. */
  readonly student?: StudentShape | undefined;
}

interface Settings extends DataOptions, TrainSettings {
  readonly temperature: number;
  readonly alpha: number;
  readonly student?: StudentShape | undefined;
}

const student: z.ZodType<StudentShape, StudentShape> = z
  .strictObject({
    layers: z
      .union([z.int().min(1), z.record(z.string(), z.int().min(1))])
      .optional()
      .describe("layers kept, in every stack or by stack"),
    fraction: z.number().positive().max(1).optional().describe("share of the layers of every stack kept"),
    config: z.record(z.string(), z.unknown()).optional().describe("config fields that differ from the teacher's"),
    initialise: z.enum(["teacher", "random"]).optional().describe("where the student's weights start; default teacher"),
  })
  .refine(({ layers, fraction }) => layers === undefined || fraction === undefined, {
    message: "give `layers` or `fraction`, not both",
    path: ["layers"],
  });

const options: z.ZodType<Settings, SoftTargetsOptions> = z
  .object({ student: student.optional(), ...softTargetsFields, ...dataFields, ...trainFields })
  .refine(oneLength, ONE_LENGTH);

interface State {
  readonly model: Checkpoint;
  readonly teacher?: Checkpoint | undefined;
}

/**
 * Trains a student to give its teacher's probabilities (see `softTargets` for the loss). With `student`, it is made from the run
 * state's `teacher`, or from `model` where there is none, which then is the teacher. Without, `model` itself learns from `teacher`
 * in its own storage: retraining after pruning.
 *
 * @throws `distill/student-missing`, `distill/models-differ`, what `makeStudent`, `prepareSequences` and `train` throw.
 */
export const distil: Stage<typeof ID, SoftTargetsOptions, { model: Checkpoint }, { model: Checkpoint; teacher: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/distill",
  options,
  run: async (state: State, given, context) => {
    const teacher = given.student === undefined ? state.teacher : (state.teacher ?? state.model);
    if (teacher === undefined) throw studentMissing({ use: ID });
    const fresh =
      given.student === undefined
        ? state.model
        : await makeStudent(teacher, subjectOf(teacher, context.registry).architecture, given.student, context.seed);
    refuseStrangers(teacher, fresh, context);
    const { sequences, seen } = await prepareSequences(fresh, given, context);
    const { weights } = await train({
      model: fresh,
      models: { teacher },
      objective: softTargets(given),
      sequences,
      settings: given,
      context,
    });
    const deed = { use: ID, version: VERSION, options: toJson(given, "options"), seed: context.seed };
    return { model: withSeen(withWeights(fresh, weights, deed), [seen]), teacher };
  },
});

function refuseStrangers(teacher: Checkpoint, fresh: Checkpoint, { registry }: Pick<Context, "registry">): void {
  const [a, b] = [teacher, fresh].map((model) => subjectOf(model, registry).architecture) as [Architecture, Architecture];
  if (a.family !== b.family) throw modelsDiffer({ field: "family", expected: a.family, found: b.family });
  const [ours, theirs] = [headOf(a, teacher.config), headOf(b, fresh.config)];
  if (ours.task !== theirs.task) throw modelsDiffer({ field: "head.task", expected: ours.task, found: theirs.task });
  const labels = [ours, theirs].map((head) => (head.labels ?? []).join(", ")) as [string, string];
  if (labels[0] !== labels[1]) throw modelsDiffer({ field: "head.labels", expected: labels[0], found: labels[1] });
  const [expected, found] = [teacher.config.vocabularySize, fresh.config.vocabularySize];
  if (expected !== found) throw modelsDiffer({ field: "vocabularySize", expected: `${expected}`, found: `${found}` });
}
