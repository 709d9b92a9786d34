/** The tasks that heads may have, by name. */
import { headOf } from "@pare/models";
import { taskUnknown } from "../errors.ts";
import type { Subject } from "../subject.ts";
import { features } from "./features.ts";
import { maskedToken } from "./masked-token.ts";
import { multipleChoice } from "./multiple-choice.ts";
import { nextToken } from "./next-token.ts";
import { permutedToken } from "./permuted-token.ts";
import { questionAnswering } from "./question-answering.ts";
import { sentenceEmbedding } from "./sentence-embedding.ts";
import { sequenceClassification } from "./sequence-classification.ts";
import type { TargetForm, Task } from "./task.ts";
import { tokenClassification } from "./token-classification.ts";

const TASKS: readonly Task[] = [
  nextToken,
  maskedToken,
  permutedToken,
  sequenceClassification,
  tokenClassification,
  questionAnswering,
  multipleChoice,
  sentenceEmbedding,
  features,
];

/** What a model's head is for. Throws `training/task-unknown` for a head that nobody here knows how to train. */
export function taskOf({ architecture, checkpoint: { config } }: Subject): Task {
  const { task } = headOf(architecture, config);
  const found = TASKS.find((known) => known.task === task);
  if (found === undefined) throw taskUnknown({ task, known: TASKS.map((known) => known.task) });
  return found;
}

/** How what is wanted of a model's output lies in a batch. */
export function formOf(subject: Subject): TargetForm {
  return taskOf(subject).form(headOf(subject.architecture, subject.checkpoint.config));
}
