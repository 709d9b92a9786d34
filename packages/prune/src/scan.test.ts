import { memoryFiles } from "@pare/core";
import { builtIn, createModel, llama, llamaConfig, wordTokenizer, type Checkpoint } from "@pare/models";
import { finetune } from "@pare/training";
import { toyContext, type ToyContextOptions } from "@pare/training/testing";
import { describe, expect, it } from "vitest";
import { allocate, allot, type AllocateOptions } from "./allocate.ts";
import { heads } from "./heads.ts";
import { magnitude } from "./magnitude.ts";
import { neurons } from "./neurons.ts";
import { scan, type ScanOptions } from "./scan.ts";
import { sensitivityChart } from "./sensitivity-chart.ts";
import { sensitivityTable, type Sensitivity } from "./sensitivity.ts";
import { trial } from "./trial.ts";
import { wanda } from "./wanda.ts";

const WORDS = "one two three four five six seven".split(" ");
const TEXT = Array.from({ length: 12 }, (_, i) => Array.from({ length: 4 + (i % 3) }, (_w, j) => WORDS[(i + j) % 7]).join(" ")).join("\n");
const data = { use: "text", text: TEXT, separator: "\n" } as const;

function whole(): Checkpoint {
  const tokenizer = wordTokenizer(WORDS);
  const { vocabularySize } = tokenizer;
  const shape = { vocabularySize, contextLength: 16, hiddenSize: 8, layers: 2, heads: 4, feedForward: 12 };
  return createModel(llama.define, llamaConfig(shape), { seed: 3, tokenizer });
}

const plugins = [...builtIn, magnitude, wanda, heads, neurons, trial, scan, finetune];
const context = (options: ToyContextOptions = {}) => toyContext({ plugins, ...options });

async function sensitivityOf(options: Partial<ScanOptions> = {}, model: Checkpoint = whole()): Promise<Sensitivity> {
  const full = { prune: { use: "prune/magnitude" }, at: [0.5, 0.75], data, ...options };
  return (await scan(full).run({ model }, await context())).sensitivity;
}

async function allocated(sensitivity: Sensitivity, options: AllocateOptions) {
  return allocate(options).run({ model: whole(), sensitivity } as never, await context());
}

describe("prune/trial", () => {
  it("measures what a step leaves and leaves the model", async () => {
    const model = whole();
    const { trial: before } = await trial({ data }).run({ model }, await context());
    const step = { use: "prune/magnitude", sparsity: { "layers.0.attention.query": 0.5 }, storage: "dense" };
    const { trial: after } = await trial({ data, step }).run({ model }, await context());
    expect(after.parameters).toBe(before.parameters - 32);
    expect(after.flops).toBe(before.flops - 64);
    expect(after.bytes).toBe(before.bytes + 8);
    expect(after.loss).not.toBe(before.loss);
    expect(before.seconds).toBeUndefined();
    const timed = await trial({ data, latency: { tokens: 4, rounds: 3 } }).run({ model }, await context());
    expect(timed.trial).toMatchObject({ ...before, seconds: expect.any(Number) });
  });
});

describe("prune/scan", () => {
  it("finds for each weight and share what the stage alone would find", async () => {
    const sensitivity = await sensitivityOf();
    expect(sensitivity.groups.map(({ name }) => name)).toHaveLength(14);
    expect(sensitivity).toMatchObject({ option: "sparsity", prune: { use: "prune/magnitude" } });
    const group = sensitivity.groups.find(({ name }) => name === "layers.1.feedForward.down")!;
    expect(group.points.map(({ share }) => share)).toEqual([0.5, 0.75]);
    const step = { use: "prune/magnitude", sparsity: { "layers.1.feedForward.down": 0.75 } };
    const alone = await trial({ data, step }).run({ model: whole() }, await context());
    expect(group.points[1]).toEqual({ share: 0.75, ...alone.trial });
    expect(sensitivityTable(sensitivity).split("\n")).toHaveLength(16);
    const chart = sensitivityChart(sensitivity);
    expect(chart.match(/<polyline /g)).toHaveLength(14);
    expect(chart).not.toMatch(/NaN|Infinity/);
  });

  it("looks at a layer's parts together, and at heads and neurons", async () => {
    const layers = await sensitivityOf({ group: "layer" });
    expect(layers.groups.map(({ name, parts, points }) => [name, parts.length, points.length])).toEqual([
      ["layers.0", 7, 2],
      ["layers.1", 7, 2],
    ]);
    const thin = await sensitivityOf({ prune: { use: "prune/neurons", score: "random" }, parts: "neurons", at: [0.25] });
    expect(thin.option).toBe("fraction");
    expect(thin.groups.map(({ points }) => thin.whole.parameters - points[0].parameters)).toEqual([72, 72]);
    const narrow = await sensitivityOf({ prune: { use: "prune/heads", score: "magnitude" }, parts: "heads", at: [0.5] });
    expect(narrow.groups.map(({ points }) => narrow.whole.parameters - points[0].parameters)).toEqual([128, 128]);
    expect(narrow.groups[0].points[0].flops).toBeLessThan(narrow.whole.flops - 256);
  });

  it("goes on where it was cut off, trials that ended before it are not made again, and ends in the same bytes", async () => {
    const options = { prune: { use: "prune/wanda", data, examples: 4 }, at: [0.5], group: "layer", data } as const;
    const scratch = memoryFiles();
    const cut = await context({ scratch, cutOff: (event) => event.type === "progress" && event.progress.done === 2 });
    await expect(scan(options).run({ model: whole() }, cut)).rejects.toThrow("cut off");
    const kept = (await scratch.list()).filter((name) => name.startsWith("trials/cache/"));
    expect(kept).toHaveLength(2);
    const { sensitivity } = await scan(options).run({ model: whole() }, await context({ scratch }));
    expect(sensitivity).toEqual((await scan(options).run({ model: whole() }, await context())).sensitivity);
  });

  it("refuses a stage that has its share, and shares that do not ascend", () => {
    expect(() => scan({ prune: { use: "prune/magnitude", sparsity: 0.5 }, at: [0.5], data })).toThrow(/the scan gives the share/);
    expect(() => scan({ prune: { use: "prune/magnitude" }, at: [0.5, 0.5], data })).toThrow(/ascend/);
  });
});

describe("prune/allocate", () => {
  it("keeps to the budget in each currency, at the least sum of losses, and prunes so", async () => {
    const sensitivity = await sensitivityOf();
    for (const of of ["parameters", "flops", "bytes"] as const) {
      const most = sensitivity.groups.reduce((sum, { points }) => sum + sensitivity.whole[of] - points[1][of], 0);
      const total = sensitivity.whole[of] - 0.3 * most;
      const { model, allocation } = await allocated(sensitivity, { budget: { of, total } });
      const found = await trial({ data }).run({ model }, await context());
      expect(found.trial[of], of).toBeLessThanOrEqual(total);
      expect(found.trial[of], of).toBe(allocation.expected.cost);
      expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/magnitude"]);
      expect(Object.values(allocation.shares).some((share) => share > 0)).toBe(true);
    }
  });

  it("takes what costs least, where parts differ", () => {
    const at = (loss: number, parameters: number) => ({ share: 0.5, loss, parameters, bytes: 0, flops: 0 });
    const base = { loss: 1, parameters: 100, bytes: 0, flops: 0 };
    const groups = [at(5, 90), at(1.1, 90), at(1.2, 80)].map((point, index) => ({
      name: `${index}`,
      parts: [`${index}`],
      points: [point],
    }));
    const sensitivity: Sensitivity = { prune: { use: "x" }, option: "sparsity", whole: base, groups };
    expect(allot(sensitivity, { of: "parameters", share: 0.7 })).toEqual({
      shares: { 0: 0, 1: 0.5, 2: 0.5 },
      of: "parameters",
      expected: { cost: 70, loss: expect.closeTo(1.3) },
    });
    const timed = {
      ...sensitivity,
      whole: { ...base, seconds: 0.004 },
      groups: groups.map((group, index) => ({
        ...group,
        points: group.points.map((point) => ({ ...point, seconds: 0.004 - (index + 1) / 1e3 })),
      })),
    };
    // The last saves enough alone; the first two together cost more.
    expect(allot(timed, { of: "seconds", total: 0.0015 }).shares).toEqual({ 0: 0, 1: 0, 2: 0.5 });
    expect(allot(sensitivity, { of: "parameters", share: 0.9 }).shares).toEqual({ 0: 0, 1: 0.5, 2: 0 });
    expect(() => allot(sensitivity, { of: "parameters", share: 0.5 })).toThrow(
      expect.objectContaining({ code: "prune/budget-unreachable" }),
    );
    expect(() => allot(sensitivity, { of: "seconds", share: 0.5 })).toThrow(expect.objectContaining({ code: "prune/sensitivity-missing" }));
  });

  it("retrains, and refuses to guess", async () => {
    const sensitivity = await sensitivityOf({ group: "layer", at: [0.5] });
    const retrain = { use: "train/finetune", data, steps: 2 };
    const { model } = await allocated(sensitivity, { budget: { of: "parameters", share: 0.9 }, retrain });
    expect(model.provenance.deeds.map(({ use }) => use)).toEqual(["prune/magnitude", "train/finetune"]);
    await expect(allocate({ budget: { of: "bytes", share: 0.5 } }).run({ model: whole() }, await context())).rejects.toMatchObject({
      code: "prune/sensitivity-missing",
    });
    expect(() => allocate({ budget: { of: "bytes" } })).toThrow(/one of/);
  });
});
