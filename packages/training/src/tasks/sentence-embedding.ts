import { add, greater, matmul, mul, reshape, rsqrt, select, sum, type Dim, type Value } from "@pare/tensor-core";
import { sentenceEmbedding as objective } from "../objectives/choices.ts";
import { IMPOSSIBLE } from "./choices.ts";
import { frameTexts, rowOf } from "./texts.ts";
import type { Choices, ChoiceScope, Task } from "./task.ts";

/** What cosines are multiplied with before the softmax. */
const SCALE = 20;

/** Under the root, so that a row of zeros has a finite gradient. */
const TINY = 1e-24;

/**
 * Two texts that mean the same: the first has to find the second among the second texts of the whole batch, by the cosine of their
 * vectors (multiple negatives ranking, Henderson et al. 2017, section 4). A text alone asks for nothing.
 */
export const sentenceEmbedding: Task = {
  task: "sentence-embedding",
  form: () => ({ per: "example" }),
  encode: ({ source, target }, scope) => {
    const [first, ...others] = (source === undefined ? [target] : [source, target]).map((text) =>
      rowOf(frameTexts(scope, scope.tokenizer.encode(text))),
    );
    return { ...first!, others, targets: [others.length === 0 ? -1 : 1] };
  },
  choices: pairChoices,
  objective,
};

function pairChoices(output: Value, { targets, place }: ChoiceScope): Choices {
  const [batch] = output.shape as [Dim];
  const unit = mul(output, rsqrt(add(sum(mul(output, output), [1], true), TINY)));
  const cosines = mul(matmul(unit, unit, { transposeB: true }), SCALE);
  return { logits: select(greater(reshape(place!, [1, batch]), 0), cosines, IMPOSSIBLE), targets };
}
