import type { Located } from "@pare/models";
import { greater, mulDims, reshape, select, transpose, type Dim, type Value } from "@pare/tensor-core";
import type { Example } from "../data/data.ts";
import { exampleEmpty, exampleUnfit } from "../errors.ts";
import { questionAnswering as objective } from "../objectives/choices.ts";
import type { Sequence } from "../sequence.ts";
import { IMPOSSIBLE } from "./choices.ts";
import { rowOf } from "./texts.ts";
import type { Choices, ChoiceScope, Task } from "./task.ts";

/**
 * Where in a passage the answer to a question begins and ends (Devlin et al. 2019, section 4.2). A passage without an answer asks for the
 * row's first mark twice (section 4.3). A passage that is too long is read from as late on as still has the whole answer.
 */
export const questionAnswering: Task = {
  task: "question-answering",
  form: () => ({ per: "row", count: 2 }),
  encode: (example, scope) => {
    const { source, target, place } = example;
    const { tokenizer, limit, tooLong } = scope;
    if (source === undefined) throw exampleEmpty({ field: "source", found: JSON.stringify(target.slice(0, 60)) });
    const question = tokenizer.encode(source);
    const passage = tokenizer.locate(target);
    const answer = answerOf(example, passage.spans);
    const room = limit - tokenizer.frame(question, []).ids.length;
    if (passage.ids.length > room) tooLong(limit - room + passage.ids.length);
    const [first, last] = answer ?? [0, 0];
    if (room <= last - first)
      throw exampleUnfit({
        place,
        field: "answers",
        expected: `a question and an answer of ${limit} tokens together`,
        found: `${limit - room} and ${last - first + 1}`,
      });
    const from = Math.max(0, last + 1 - room);
    const framed = tokenizer.frame(question, passage.ids.slice(from, from + room));
    return { ...rowOf(framed), targets: targetsOf(example, answer, framed.starts[1]! - from) };
  },
  choices: spanChoices,
  objective,
};

/** First and last token of the answer; undefined: none. */
function answerOf({ wanted, place }: Example, spans: Located["spans"]): readonly [number, number] | undefined {
  const answer = wanted !== undefined && "answers" in wanted ? wanted.answers[0] : undefined;
  if (answer === undefined) return undefined;
  const end = answer.begin + answer.text.length;
  const first = spans.findIndex(([from, to]) => to > answer.begin && from < end && from < to);
  const last = spans.findLastIndex(([from, to]) => from < end && to > answer.begin && from < to);
  if (first >= 0) return [first, last];
  throw exampleUnfit({ place, field: "answers", expected: "a part of the passage that has tokens", found: JSON.stringify(answer.text) });
}

function targetsOf({ wanted }: Example, answer: readonly [number, number] | undefined, shift: number): Sequence["targets"] {
  if (answer !== undefined) return answer.map((token) => token + shift);
  return wanted !== undefined && "answers" in wanted ? [0, 0] : [-1, -1];
}

/** Two choices a row among its tokens; padding cannot be chosen. `[batch, seq, 2]`. */
function spanChoices(output: Value, { targets, positions, lengths }: ChoiceScope): Choices {
  const [batch, seq] = output.shape as [Dim, Dim];
  const there = greater(reshape(lengths, [batch, 1]), positions);
  const sides = select(reshape(there, [batch, 1, seq]), transpose(output, [0, 2, 1]), IMPOSSIBLE);
  const rows = mulDims(batch, 2);
  return { logits: reshape(sides, [rows, seq]), targets: reshape(targets, [rows]) };
}
