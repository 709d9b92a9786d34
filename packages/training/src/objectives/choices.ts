/** The objectives of heads that choose: cross-entropy over what their task chooses among. */
import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { z } from "zod";
import type { Objective, ObjectivePlugin } from "../objective.ts";
import { crossEntropyLoss } from "./next-token.ts";

const options: z.ZodObject<{}> = z.object({});

/** A class per word; mean negative log likelihood over words. */
export function tokenClassification(): Objective {
  return choiceObjective("token-classification");
}

/** Where an answer begins and where it ends; mean over both (Devlin et al. 2019, section 4.2). */
export function questionAnswering(): Objective {
  return choiceObjective("question-answering");
}

/** Which of several continuations is right; mean over examples. */
export function multipleChoice(): Objective {
  return choiceObjective("multiple-choice");
}

/** Which text of a batch belongs to which; mean over pairs. The rest of the batch is what is wrong: larger batches are harder. */
export function sentenceEmbedding(): Objective {
  return choiceObjective("sentence-embedding");
}

export const tokenClassificationObjective: ObjectivePlugin<"token-classification", z.input<typeof options>> = plugin(
  "token-classification",
  tokenClassification,
);
export const questionAnsweringObjective: ObjectivePlugin<"question-answering", z.input<typeof options>> = plugin(
  "question-answering",
  questionAnswering,
);
export const multipleChoiceObjective: ObjectivePlugin<"multiple-choice", z.input<typeof options>> = plugin(
  "multiple-choice",
  multipleChoice,
);
export const sentenceEmbeddingObjective: ObjectivePlugin<"sentence-embedding", z.input<typeof options>> = plugin(
  "sentence-embedding",
  sentenceEmbedding,
);

function choiceObjective(task: string): Objective {
  return {
    use: task,
    version: 1,
    options: {},
    models: [],
    tasks: [task],
    loss: (scope) => crossEntropyLoss(scope, scope.forward(scope.inputs)),
  };
}

function plugin<Id extends string>(id: Id, create: () => Objective): ObjectivePlugin<Id, z.input<typeof options>> {
  return {
    kind: "objective",
    id,
    version: 1,
    apiVersion: API_VERSION,
    package: "@pare/training",
    jsonSchema: jsonSchemaOf(options),
    define: { options, create },
  };
}
