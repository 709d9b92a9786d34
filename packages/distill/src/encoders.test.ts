/** Soft targets of heads other than a language model's. */
import { bert, withHead, withWeights, type Checkpoint } from "@pare/models";
import { attachHead, finetune, rowsData, sequenceClassificationObjective } from "@pare/training";
import { toyContext, toyEncoder } from "@pare/training/testing";
import { expect, it } from "vitest";
import { distil, type SoftTargetsOptions } from "./soft-targets.ts";

const plugins = [bert, rowsData(), sequenceClassificationObjective];
const rows = ["good", "great", "bad", "dull"].flatMap((word) => [
  { text: `the film was ${word}`, label: word === "good" || word === "great" ? "yes" : "no" },
  { text: `a very ${word} film .`, label: word === "good" || word === "great" ? "yes" : "no" },
]);
const data = { use: "rows", rows };

async function learn(teacher: Checkpoint, options: Partial<SoftTargetsOptions>, model: Checkpoint = teacher) {
  const context = await toyContext({ plugins });
  const state = model === teacher ? { model } : { model, teacher };
  const run = await distil({ data, steps: 60, batch: 4, learningRate: 0.01, ...options }).run(state, context);
  const losses = context.events.flatMap((event) => (event.type === "metric" ? [(event as unknown as { loss: number }).loss] : []));
  return { ...run, losses };
}

async function classifier(): Promise<Checkpoint> {
  const { model } = await attachHead({ head: "sequence-classification", data }).run({ model: toyEncoder() }, await toyContext({ plugins }));
  const options = { data, steps: 60, batch: 4, learningRate: 0.01 };
  return (await finetune(options).run({ model }, await toyContext({ plugins }))).model;
}

it("a student with fewer layers learns its teacher's classes, from soft targets alone too", async () => {
  const teacher = await classifier();
  for (const alpha of [0.5, 0]) {
    const { model, losses } = await learn(teacher, { alpha, student: { layers: 1, initialise: "random" } });
    expect((model.config as unknown as { layers: unknown[] }).layers).toHaveLength(1);
    expect(losses.at(-1)!).toBeLessThan(0.3 * losses[0]!);
  }
});

it("refuses a teacher whose head says something else, and heads that give numbers", async () => {
  const teacher = await classifier();
  const other = withHead(teacher, bert.define, { task: "masked-token" }, { seed: 1 });
  await expect(learn(teacher, {}, other)).rejects.toMatchObject({ code: "distill/models-differ", report: { field: "head.task" } });
  const turned = withHead(teacher, bert.define, { task: "sequence-classification", labels: ["yes", "no"] }, { seed: 1 });
  await expect(learn(teacher, {}, turned)).rejects.toMatchObject({ code: "distill/models-differ", report: { field: "head.labels" } });
  const number = withHead(teacher, bert.define, { task: "sequence-classification", kind: "regression", labels: ["value"] }, { seed: 1 });
  const rated = { use: "rows", rows: rows.map(({ text }) => ({ text, label: text.length })) };
  await expect(learn(number, { data: rated }, withWeights(number, []))).rejects.toMatchObject({ code: "training/objective-unfit" });
});
