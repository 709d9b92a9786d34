import type { Example } from "../data/data.ts";
import { exampleUnfit } from "../errors.ts";
import { sequenceClassification as objective } from "../objectives/sequence-classification.ts";
import type { Sequence } from "../sequence.ts";
import { rowChoices } from "./choices.ts";
import { classOf } from "./labels.ts";
import { frameTexts, rowOf, textsOf } from "./texts.ts";
import type { EncodeScope, Task } from "./task.ts";

/** Whole texts or pairs: one class of all, any of them, or numbers, as the head says. */
export const sequenceClassification: Task = {
  task: "sequence-classification",
  form: ({ kind = "single", width }) => (kind === "single" ? { per: "row", count: 1 } : { per: "numbers", count: width }),
  encode: (example, scope) => ({ ...rowOf(frameTexts(scope, ...textsOf(example, scope))), ...wantedOf(example, scope) }),
  choices: rowChoices,
  objective,
};

function wantedOf(example: Example, scope: EncodeScope): Pick<Sequence, "targets" | "numbers"> {
  const { kind = "single", width } = scope.head;
  const { wanted, place } = example;
  const label = wanted !== undefined && "label" in wanted ? wanted.label : undefined;
  const several = typeof label === "object" ? label : label === undefined ? [] : [label];
  if (kind === "single") {
    if (several.length > 1) throw exampleUnfit({ place, field: "label", expected: "one class", found: JSON.stringify(label) });
    return { targets: several.length === 0 ? [-1] : [classOf(several[0]!, scope, example, "label")] };
  }
  if (label === undefined) return { targets: [], numbers: [] };
  if (kind === "multiple") {
    const numbers = new Array<number>(width).fill(0);
    for (const name of several) numbers[classOf(name, scope, example, "label")] = 1;
    return { targets: [], numbers };
  }
  const numbers = several.map((value) => (typeof value === "string" && value.trim() === "" ? NaN : Number(value)));
  if (numbers.length !== width || !numbers.every(Number.isFinite))
    throw exampleUnfit({ place, field: "label", expected: width === 1 ? "a number" : `${width} numbers`, found: JSON.stringify(label) });
  return { targets: [], numbers };
}
