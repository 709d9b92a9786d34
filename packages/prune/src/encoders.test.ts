/** Stages that look at data or loss, on encoders with the heads they are for. */
import type { AnyPlugin } from "@pare/core";
import { bert, withHead, type BertConfig, type Checkpoint, type HeadWanted } from "@pare/models";
import {
  maskedTokenObjective,
  multipleChoiceObjective,
  questionAnsweringObjective,
  rowsData,
  sentenceEmbeddingObjective,
  sequenceClassificationObjective,
  tokenClassificationObjective,
} from "@pare/training";
import { toyContext, toyEncoder } from "@pare/training/testing";
import { describe, expect, it } from "vitest";
import { heads } from "./heads.ts";
import { layers } from "./layers.ts";
import { neurons } from "./neurons.ts";
import { sparsegpt } from "./sparsegpt.ts";
import { wanda } from "./wanda.ts";

const plugins: readonly AnyPlugin[] = [
  bert,
  rowsData(),
  maskedTokenObjective,
  sequenceClassificationObjective,
  tokenClassificationObjective,
  questionAnsweringObjective,
  multipleChoiceObjective,
  sentenceEmbeddingObjective,
];

const HEADS: readonly (readonly [HeadWanted, readonly Record<string, unknown>[]])[] = [
  [{ task: "masked-token" }, [{ text: "the film was good" }, { text: "red tea" }]],
  [
    { task: "sequence-classification", labels: ["a", "b"] },
    [
      { text: "the film was good", label: "a" },
      { text: "red tea", pair: "blue milk", label: "b" },
    ],
  ],
  [{ task: "sequence-classification", kind: "regression", labels: ["value"] }, [{ text: "red tea", label: 2 }]],
  [{ task: "token-classification", labels: ["O", "NAME"] }, [{ text: "ann likes tea", tags: "NAME O O" }]],
  [{ task: "question-answering" }, [{ text: "who likes tea ?", pair: "the film . ann likes tea", answers: "ann" }]],
  [
    { task: "multiple-choice" },
    [
      { text: "ann likes", choices: ["tea", "the", "red"], label: 0 },
      { text: "the film", choices: ["was good", "tea"], label: 0 },
    ],
  ],
  [
    { task: "sentence-embedding" },
    [
      { text: "good film", pair: "great film" },
      { text: "ann likes tea", pair: "ann likes milk" },
    ],
  ],
];

async function config(run: (context: Awaited<ReturnType<typeof toyContext>>) => Promise<{ readonly model: Checkpoint }>) {
  const { model } = await run(await toyContext({ plugins }));
  return { model, layers: (model.config as unknown as BertConfig).layers };
}

describe.each(HEADS)("an encoder with a head for %j", (head, rows) => {
  const model = withHead(toyEncoder(), bert.define, head, { seed: 2 });
  const data = { use: "rows", rows };

  it("loses heads and layers by its own loss", async () => {
    const cut = await config((context) => heads({ count: 1, data, batch: 2 }).run({ model }, context));
    expect(cut.layers.map(({ keyValueHeads }) => keyValueHeads.length).sort()).toEqual([1, 2]);
    const flat = await config((context) => layers({ count: 1, score: "loss", data, batch: 2 }).run({ model }, context));
    expect(flat.layers).toHaveLength(1);
  });

  it("is calibrated on its rows", async () => {
    const thin = await config((context) => neurons({ fraction: 0.25, data }).run({ model }, context));
    expect(thin.layers.map(({ feedForward }) => feedForward)).toEqual([24, 24]);
    for (const stage of [wanda({ sparsity: 0.5, data }), sparsegpt({ sparsity: 0.5, data })]) {
      const pruned = (await config((context) => stage.run({ model }, context))).model;
      const mask = (await pruned.weights.get("layers.1.feedForward.up")!.mask!())!.data as Uint8Array;
      expect(mask.reduce((kept, bit) => kept + bit, 0)).toBe(mask.length / 2);
    }
  });
});

it("calibration needs no labels, loss does, and attention can be looked at", async () => {
  const model = withHead(toyEncoder(), bert.define, { task: "sequence-classification", labels: ["a", "b"] }, { seed: 2 });
  const data = { use: "rows", rows: [{ text: "the film was good" }, { text: "red tea" }] };
  const context = await toyContext({ plugins });
  const { model: cut } = await heads({ count: 1, score: "confidence", data }).run({ model }, context);
  expect((cut.config as unknown as BertConfig).layers.flatMap(({ keyValueHeads }) => keyValueHeads)).toHaveLength(3);
  await wanda({ sparsity: 0.5, data }).run({ model: toyEncoder() }, context);
  await expect(heads({ count: 1, data }).run({ model }, context)).rejects.toMatchObject({ code: "training/nothing-wanted" });
});
