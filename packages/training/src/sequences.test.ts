import { createModel, t5, t5Config, type Tokenizer } from "@pare/models";
import { expect, it } from "vitest";
import { encodeAll } from "./sequences.ts";
import { subjectOf } from "./subject.ts";
import { letters, toyContext } from "./testing/index.ts";

it("lets T5 write from its own start and read with its tokenizer's end mark", async () => {
  // As T5's tokenizers are: no begin token, an end mark around texts.
  const tokenizer: Tokenizer = {
    ...letters,
    special: { end: 2, padding: 0 },
    frame: (first) => ({ ids: [...first, 2], tokenTypes: [], starts: [0] }),
  };
  const shape = { vocabularySize: 30, contextLength: 8, hiddenSize: 8, layers: 1, heads: 2, feedForward: 8 };
  const { registry } = await toyContext({ plugins: [t5] });
  const model = createModel(t5.define, t5Config(shape), { seed: 1, tokenizer });
  const { sequences } = encodeAll(subjectOf(model, registry), [{ source: "ab", target: "c" }], undefined);
  expect(sequences).toEqual([{ tokens: [0, 5], source: [3, 4, 2], targets: [5, 2] }]);
});
