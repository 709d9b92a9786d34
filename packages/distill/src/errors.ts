/** Every error of distill. */
import { defineError, type ErrorFactory } from "@pare/core";

export const studentMissing: ErrorFactory<{ use: string }> = defineError(
  "distill/student-missing",
  "A distillation has only one model: neither a teacher in the run state beside the model nor a `student` to make from it.",
  ({ use }) => ({
    message: `${use} has no student`,
    field: "student",
    expected: "`student`, or a `teacher` in the run state beside the model",
    next: 'Say what the student looks like, for example { "student": { "fraction": 0.5 } }.',
  }),
);

export const layersInvalid: ErrorFactory<{ stack: string; expected: string; found: string }> = defineError(
  "distill/layers-invalid",
  "A student was to have layers that its teacher does not have.",
  ({ stack, expected, found }) => ({
    message: "the teacher has no such layers",
    field: `student.layers.${stack}`,
    expected,
    found,
    next: "Ask for at least one layer and no more than the teacher has, by the names of its stacks.",
  }),
);

export const shapeDiffers: ErrorFactory<{ weight: string; expected: string; found: string }> = defineError(
  "distill/shape-differs",
  "A student with another width cannot start from its teacher's weights.",
  ({ weight, expected, found }) => ({
    message: "the teacher's weight does not fit the student",
    field: weight,
    expected,
    found,
    next: 'Leave the widths in `student.config` as they are, or set `student.initialise` to "random".',
  }),
);

export const modelsDiffer: ErrorFactory<{ field: string; expected: string; found: string }> = defineError(
  "distill/models-differ",
  "Teacher and student do not read and write the same tokens, or their heads do not say the same.",
  ({ field, expected, found }) => ({
    message: "this student cannot learn from this teacher",
    field,
    expected,
    found,
    next: "Use a teacher of the same family with the same tokenizer and the same head.",
  }),
);
