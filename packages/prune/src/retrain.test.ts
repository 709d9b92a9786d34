import { memoryFiles, type MutableFileSet, type Step, type RunEvent } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { finetune } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel } from "@pare/training/testing";
import { headGates } from "./head-gates.ts";
import { heads } from "./heads.ts";
import { l0 } from "./l0.ts";
import { layers } from "./layers.ts";
import { magnitude } from "./magnitude.ts";
import { movement } from "./movement.ts";
import type { PruneState, Retrain } from "./retrain.ts";
import { sparsegpt } from "./sparsegpt.ts";
import { wanda } from "./wanda.ts";

const RETRAIN = { use: "train/finetune", data: LINES, steps: 6, batch: 8 };
const TRAINED = { data: LINES, steps: 3, batch: 8 } as const;

type Pruning = Step<PruneState, { model: Checkpoint }>;
const STAGES: Readonly<Record<string, (retrain: Retrain) => Pruning>> = {
  magnitude: (retrain) => magnitude({ sparsity: 0.5, retrain }),
  wanda: (retrain) => wanda({ data: LINES, sparsity: 0.5, retrain }),
  sparsegpt: (retrain) => sparsegpt({ data: LINES, sparsity: 0.5, retrain }),
  heads: (retrain) => heads({ count: 3, retrain }),
  layers: (retrain) => layers({ count: 1, retrain }),
  movement: (retrain) => movement({ ...TRAINED, sparsity: 0.5, retrain }),
  l0: (retrain) => l0({ ...TRAINED, penalty: 1, retrain }),
  "head gates": (retrain) => headGates({ ...TRAINED, penalty: 1, retrain }),
};

describe.each(Object.entries(STAGES))("retraining after %s", (_name, stage) => {
  it("goes on where it was cut off, apart from what the stage itself trained, and ends in the same bytes", async () => {
    const scratch = memoryFiles();
    const cutOff = (event: RunEvent): boolean => event.type === "metric" && event["step"] === 5;
    const cut = await toyContext({ plugins: [finetune], scratch, cutOff });
    await expect(stage(RETRAIN).run({ model: toyModel() }, cut)).rejects.toThrow("cut off");
    expect(await scratch.list("retrain")).toEqual(["retrain/training.snapshot"]);
    const ended = async (files?: MutableFileSet): Promise<string> => {
      const { model } = await stage(RETRAIN).run({ model: toyModel() }, await toyContext({ plugins: [finetune], scratch: files }));
      expect(model.provenance.deeds.at(-1)!.use).toBe("train/finetune");
      return model.hash();
    };
    expect(await ended(scratch)).toBe(await ended());
  });

  it("is taught by the model from before where the run state names no teacher", async () => {
    const taught: unknown[] = [];
    const spy = {
      use: "test/spy",
      version: 1,
      options: {},
      run: async (state: { readonly model: Checkpoint; readonly teacher?: unknown }) => {
        taught.push(state.teacher);
        return { model: state.model };
      },
    };
    const model = toyModel();
    const teacher = toyModel({}, 2);
    await stage(spy).run({ model }, await toyContext());
    await stage(spy).run({ model, teacher }, await toyContext());
    expect(taught).toEqual([model, teacher]);
  });
});
