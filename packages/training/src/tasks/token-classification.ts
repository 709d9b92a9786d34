import { tokenClassification as objective } from "../objectives/choices.ts";
import { tokenChoices } from "./choices.ts";
import { classOf } from "./labels.ts";
import { frameTexts, rowOf } from "./texts.ts";
import type { Task } from "./task.ts";

/** A class per word, asked of the word's first token; the other tokens of a word say nothing. */
export const tokenClassification: Task = {
  task: "token-classification",
  form: () => ({ per: "token" }),
  encode: (example, scope) => {
    const { ids, spans } = scope.tokenizer.locate(example.target);
    const framed = frameTexts(scope, ids);
    const targets = framed.ids.map(() => -1);
    // Tokens before the first that was kept.
    const cut = scope.tokenizer.truncationSide === "left" ? ids.length - framed.lengths[0]! : 0;
    const tags = example.wanted !== undefined && "tags" in example.wanted ? example.wanted.tags : [];
    let next = 0;
    for (const { begin, end, tag } of tags) {
      while (next < spans.length && spans[next]![1] <= begin) next++;
      const span = spans[next];
      const wanted = classOf(tag, scope, example, "tags");
      if (span === undefined || next >= cut + framed.lengths[0]! || span[0] >= end) continue;
      if (next >= cut) targets[framed.starts[0]! + next - cut] = wanted;
      next++;
    }
    return { ...rowOf(framed), targets };
  },
  choices: tokenChoices,
  objective,
};
