import { memoryFiles, type Context, type MutableFileSet, type RunEvent } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { finetune } from "@pare/training";
import { describe, expect, it } from "vitest";
import { LINES, toyContext, toyModel } from "@pare/training/testing";
import { lotteryTicket, type LotteryTicketOptions } from "./lottery-ticket.ts";
import { magnitude } from "./magnitude.ts";

const NAME = "layers.1.query";
const OPTIONS = { data: LINES, steps: 6, batch: 8, learningRate: 0.02 };
const TRAIN = { use: "train/finetune", ...OPTIONS };
/** Too slow to move a weight by what float32 can show. */
const STILL = { ...TRAIN, steps: 1, learningRate: 1e-12, weightDecay: 0 };

async function won(options: Partial<LotteryTicketOptions>, scratch?: MutableFileSet): Promise<Checkpoint> {
  const context = await toyContext({ plugins: [finetune, magnitude], scratch });
  return (await lotteryTicket({ prune: { use: "prune/magnitude" }, to: 0.5, train: TRAIN, ...options }).run({ model: toyModel() }, context))
    .model;
}

async function read(model: Checkpoint, name: string): Promise<{ readonly values: Float32Array; readonly mask: Uint8Array | undefined }> {
  const stored = model.weights.get(name)!;
  return { values: (await stored.dense()).data as Float32Array, mask: (await stored.mask?.())?.data as Uint8Array | undefined };
}

describe("prune/lottery-ticket", () => {
  it("chooses by what training made of the weights, and rewinds those that stay", async () => {
    const context = await toyContext();
    const { model: trained } = await finetune(OPTIONS).run({ model: toyModel() }, context);
    const { model: pruned } = await magnitude({ sparsity: 0.5 }).run({ model: trained }, context);
    const stop = new Error("the ticket");
    // The step that trains sees the ticket last: it is what is trained at the end.
    const seen: Checkpoint[] = [];
    const train = finetune(OPTIONS);
    const spy = {
      ...train,
      run: async (state: { readonly model: Checkpoint }, own: Context) => {
        seen.push(state.model);
        if (seen.length === 2) throw stop;
        return train.run(state, own);
      },
    };
    await expect(won({ train: spy })).rejects.toBe(stop);
    const [ticket, chosen, first] = [await read(seen[1], NAME), await read(pruned, NAME), await read(toyModel(), NAME)];
    expect(ticket.mask).toEqual(chosen.mask);
    ticket.values.forEach((value, at) => expect(value).toBe(chosen.mask![at] === 0 ? 0 : first.values[at]));
    expect((await read(seen[1], "embedding")).values).toEqual((await read(toyModel(), "embedding")).values);
  });

  it("takes the same part of what is left in every round", async () => {
    const model = await won({ rounds: 2, to: 0.75 });
    const { deeds } = model.provenance;
    expect(deeds.map(({ use }) => use)).toEqual([
      ...[1, 2].flatMap(() => ["train/finetune", "prune/magnitude", "prune/lottery-ticket"]),
      "train/finetune",
    ]);
    expect(deeds.flatMap(({ use, options }) => (use === "prune/magnitude" ? (options as { sparsity: number }).sparsity : []))).toEqual([
      expect.closeTo(0.5, 12),
      expect.closeTo(0.75, 12),
    ]);
    expect((await read(model, NAME)).mask!.filter((bit) => bit === 0)).toHaveLength(192);
    expect(model.provenance.seen).toMatchObject([{ data: "text" }]);
  });

  it("rewinds to where a little training ends, when asked", async () => {
    const { model: at } = await finetune({ ...OPTIONS, steps: 2 }).run({ model: toyModel() }, await toyContext());
    const model = await won({ early: { ...TRAIN, steps: 2 }, train: STILL });
    const [ticket, rewound] = [await read(model, NAME), await read(at, NAME)];
    ticket.values.forEach((value, i) => expect(value).toBeCloseTo(ticket.mask![i] === 0 ? 0 : rewound.values[i], 6));
  });

  it("ends in the same bytes after a cut", async () => {
    const scratch = memoryFiles();
    let points = 0;
    const cutOff = (event: RunEvent): boolean => event.type === "metric" && event["loss"] !== undefined && ++points === 9;
    const context = await toyContext({ plugins: [finetune, magnitude], scratch, cutOff });
    const step = lotteryTicket({ prune: { use: "prune/magnitude" }, to: 0.5, train: TRAIN });
    await expect(step.run({ model: toyModel() }, context)).rejects.toThrow("cut off");
    expect(await (await won({}, scratch)).hash()).toBe(await (await won({})).hash());
  });

  it("refuses a share in two places", () => {
    const train = TRAIN;
    expect(() => lotteryTicket({ prune: { use: "prune/magnitude", sparsity: 0.5 }, to: 0.5, train })).toThrow(/give the share/);
  });
});
