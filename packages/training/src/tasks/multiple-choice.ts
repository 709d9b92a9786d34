import { exampleUnfit } from "../errors.ts";
import { multipleChoice as objective } from "../objectives/choices.ts";
import { exampleChoices } from "./choices.ts";
import { frameTexts, rowOf } from "./texts.ts";
import type { Task } from "./task.ts";

/** A text with each of its continuations is a row; the rows of an example compete. */
export const multipleChoice: Task = {
  task: "multiple-choice",
  form: () => ({ per: "example" }),
  encode: (example, scope) => {
    const { target, wanted, place } = example;
    const { choices, right } = wanted !== undefined && "choices" in wanted ? wanted : { choices: [""], right: -1 };
    if (choices.length === 0 || right >= choices.length)
      throw exampleUnfit({
        place,
        field: "choices",
        expected: "one or more, the right one among them",
        found: `${choices.length}, of which ${right} is right`,
      });
    const text = scope.tokenizer.encode(target);
    const [first, ...others] = choices.map((choice) => rowOf(frameTexts(scope, text, scope.tokenizer.encode(choice))));
    return { ...first!, others, targets: [right] };
  },
  choices: exampleChoices,
  objective,
};
