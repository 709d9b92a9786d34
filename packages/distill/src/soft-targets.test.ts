import { memoryFiles, type Context } from "@pare/core";
import { withWeights, type Checkpoint } from "@pare/models";
import { compile, createStore, denseOf, f32, openReference, trace } from "@pare/tensor-core";
import { batchTensors, finetune, frozenWeight, resolveObjective, subjectOf, traceLoss, writtenSequence } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, logitsOf, toyContext, toyModel, withQuantized, type ToyConfig } from "@pare/training/testing";
import { distil } from "./soft-targets.ts";
import { softTargets, softTargetsObjective } from "./soft-targets-objective.ts";
import { makeStudent, spreadLayers } from "./student.ts";

const QUICK = { data: LINES, steps: 40, batch: 8, learningRate: 0.02 } as const;

const DEEP: Partial<ToyConfig> = { heads: [[0, 0], [0, 1], [0, 0, 1], [0]] };

async function student(shape: Parameters<typeof makeStudent>[2], teacher: Checkpoint = toyModel(DEEP)): Promise<Checkpoint> {
  const { architecture } = subjectOf(teacher, (await toyContext()).registry);
  return makeStudent(teacher, architecture, shape, 9);
}

describe("makeStudent", () => {
  it("takes every other layer of the teacher, and all that is outside layers", async () => {
    const teacher = toyModel(DEEP);
    const made = await student({ fraction: 0.5 }, teacher);
    expect(made.config).toMatchObject({
      heads: [
        [0, 0],
        [0, 0, 1],
      ],
    });
    expect(made.weights.get("layers.1.query")).toBe(teacher.weights.get("layers.2.query"));
    expect(made.weights.get("embedding")).toBe(teacher.weights.get("embedding"));
    expect([...made.weights.keys()]).toHaveLength(10);
    expect(spreadLayers(6, 3)).toEqual([0, 2, 4]);
    expect(spreadLayers(5, 2)).toEqual([0, 2]);
  });

  it("takes layers by stack, draws anew when asked, and makes quantized weights trainable", async () => {
    const teacher = withQuantized(toyModel(DEEP), "layers.0.query");
    expect((await student({ layers: { layers: 1 } }, teacher)).weights.get("layers.0.query")!.trainable).toBe(true);
    const random = await student({ layers: 1, initialise: "random", config: { width: 12 } }, teacher);
    expect(random.weights.get("embedding")!.shape).toEqual([30, 12]);
    expect(await random.hash()).toBe(await (await student({ layers: 1, initialise: "random", config: { width: 12 } }, teacher)).hash());
  });

  it("refuses layers and widths that the teacher cannot give", async () => {
    await expect(student({ layers: 5 })).rejects.toMatchObject({ code: "distill/layers-invalid" });
    await expect(student({ layers: { encoder: 1 } })).rejects.toMatchObject({ code: "distill/layers-invalid" });
    await expect(student({ config: { width: 12 } })).rejects.toMatchObject({ code: "distill/shape-differs" });
  });
});

describe("softTargets", () => {
  const sequences = [
    { tokens: [1, 5, 9, 20], start: 1 },
    { tokens: [1, 7, 3, 3, 4, 5], start: 3 },
  ];

  it.each([
    [2, 0.3],
    [1, 0],
    [4, 1],
  ])("at T = %d and α = %d is Hinton's loss over the predicted tokens", async (temperature, alpha) => {
    const { registry } = await toyContext();
    const [model, teacher] = [toyModel({ heads: [[0]] }), toyModel({}, 2)];
    const subject = subjectOf(model, registry);
    const frozen = { teacher: subjectOf(teacher, registry) };
    const graph = trace((tracer) => ({ loss: traceLoss(tracer, { subject, frozen, objective: softTargets({ temperature, alpha }) }) }));
    const weights = new Map([
      ...model.weights,
      ...[...teacher.weights].map(([name, stored]) => [frozenWeight("teacher", name), stored] as const),
    ]);
    const store = createStore(openReference(), { weights });
    const { inputs, predictions } = batchTensors(subject, sequences.map(writtenSequence), { rows: 3 });
    const { loss } = await compile(graph, { store }).run({ ...inputs, weight: f32([], [1 / predictions]) });

    let expected = 0;
    for (const { tokens, start } of sequences) {
      const [ours, theirs] = [await logitsOf(model, tokens), await logitsOf(teacher, tokens)];
      for (let i = start; i < tokens.length; i++) {
        const row = (logits: Float32Array, t: number) => logProbabilities([...logits.subarray((i - 1) * 30, i * 30)].map((x) => x / t));
        const [p, q] = [row(theirs, temperature), row(ours, temperature)];
        const divergence = p.reduce((sum, logP, k) => sum + Math.exp(logP) * (logP - q[k]), 0);
        expected += (-alpha * row(ours, 1)[tokens[i]] + (1 - alpha) * temperature ** 2 * divergence) / predictions;
      }
    }
    expect(loss.data[0]).toBeCloseTo(expected, 4);
  });

  it("is found by name, with its options checked", async () => {
    const { registry } = await toyContext({ plugins: [softTargetsObjective] });
    expect(resolveObjective({ use: "soft-targets", alpha: 0.25 }, registry)).toMatchObject({
      use: "soft-targets",
      options: { temperature: 2, alpha: 0.25 },
    });
    expect(() => resolveObjective({ use: "soft-targets", alpha: 2 }, registry)).toThrow(/core\/options-invalid/);
  });
});

describe("distill/soft-targets", () => {
  const run = async (context: Context, state: { model: Checkpoint; teacher?: Checkpoint }, options: Parameters<typeof distil>[0]) =>
    distil(options).run(state, context);

  it("makes a student, brings it near its teacher and leaves the teacher as it was", async () => {
    const teacher = (await finetune(QUICK).run({ model: toyModel() }, await toyContext())).model;
    const options = { ...QUICK, student: { layers: 1 }, alpha: 0 };
    const { model, teacher: kept } = await run(await toyContext(), { model: teacher }, options);
    expect(kept).toBe(teacher);
    expect(model.config).toMatchObject({ heads: [[0, 0, 1, 1]] });
    const distance = async (one: Checkpoint) => {
      const [a, b] = [await logitsOf(one, [1, 5, 6, 7, 8]), await logitsOf(teacher, [1, 5, 6, 7, 8])];
      return a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
    };
    const before = await student({ layers: 1 }, teacher);
    expect(await distance(model)).toBeLessThan((await distance(before)) / 4);
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["train/finetune", "distill/soft-targets"]);
    expect(model.provenance.seen?.map(({ data }) => data)).toEqual(["text"]);
  });

  it("retrains a pruned model from the teacher in the run state, its mask kept", async () => {
    const teacher = toyModel();
    const { shape, dense } = teacher.weights.get("layers.0.query")!;
    const values = (await dense()).data as Float32Array;
    const mask = { dtype: "u8" as const, shape, data: Uint8Array.from(values, (_, i) => i % 2) };
    const pruned = withWeights(teacher, [
      [
        "layers.0.query",
        denseOf(
          f32(
            shape,
            values.map((value, i) => (i % 2 === 0 ? 0 : value)),
          ),
          mask,
        ),
      ],
    ]);
    const { model } = await run(await toyContext(), { model: pruned, teacher }, { ...QUICK, steps: 3 });
    const after = (await model.weights.get("layers.0.query")!.dense()).data as Float32Array;
    expect(after.every((value, i) => i % 2 === 1 || value === 0)).toBe(true);
  });

  it("learns the same whether the teacher runs in every step or once for all epochs", async () => {
    const losses = async (steps: number) => {
      const context = await toyContext();
      await run(context, { model: toyModel() }, { ...QUICK, steps, schedule: "constant", student: { layers: 1 } });
      return context.events.flatMap((event) => (event.type === "metric" ? [event["loss"] as number] : []));
    };
    // 24 examples: three steps of 8 see each once, four see some twice, and the teacher's logits are then kept.
    const [once, kept] = [await losses(3), await losses(4)];
    once.forEach((loss, step) => expect(kept[step]).toBeCloseTo(loss, 5));
  });

  it("gives the same bytes for the same seed, also after a cut", async () => {
    const options = { ...QUICK, steps: 6, student: { layers: 1, initialise: "random" as const } };
    const expected = await (await run(await toyContext(), { model: toyModel() }, options)).model.hash();
    const scratch = memoryFiles();
    const cut = await toyContext({ scratch, cutOff: (event) => event.type === "progress" && event.progress.done === 4 });
    await expect(run(cut, { model: toyModel() }, options)).rejects.toThrow("cut off");
    expect(await (await run(await toyContext({ scratch }), { model: toyModel() }, options)).model.hash()).toBe(expected);
  });

  it("refuses a distillation of one model, and models that do not match", async () => {
    const context = await toyContext();
    await expect(run(context, { model: toyModel() }, QUICK)).rejects.toMatchObject({ code: "distill/student-missing" });
    await expect(run(context, { model: toyModel(), teacher: toyModel({ vocabularySize: 40 }) }, QUICK)).rejects.toMatchObject({
      code: "distill/models-differ",
    });
    expect(() => distil({ ...QUICK, student: { layers: 1, fraction: 0.5 } })).toThrow(/not both/);
  });
});

function logProbabilities(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)) + largest;
  return logits.map((logit) => logit - total);
}
