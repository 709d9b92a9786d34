import { seenData, type Checkpoint, type SeenData } from "@pare/models";
import { hashExample } from "@pare/training";
import { expect, it } from "vitest";
import { exposure } from "./domain.ts";
import { scanExamples, type ScanSplit } from "./scan/splits.ts";

const model = (seen: readonly SeenData[] | undefined): Checkpoint => ({ provenance: { seen, deeds: [] } }) as unknown as Checkpoint;
const trainedOn = (split: ScanSplit): Checkpoint => model([seenData(`scan/${split}`, scanExamples(split, "train").map(hashExample))]);

it("counts what a model trained on simple has seen of the length and jump tests, and refuses them the label", () => {
  const simple = trainedOn("simple");
  expect(exposure(simple, scanExamples("simple", "test"), ["scan/simple"])).toEqual({ label: "in-domain", seen: 0 });
  expect(exposure(simple, scanExamples("length", "test"), [])).toEqual({ label: "seen in training", seen: 3_152 });
  expect(exposure(simple, scanExamples("jump", "test"), [])).toEqual({ label: "seen in training", seen: 6_218 });
});

it("calls all three tests unseen for a model trained on the intersection", () => {
  const intersection = trainedOn("intersection");
  expect(exposure(intersection, scanExamples("intersection", "test"), ["scan/intersection", "scan/simple"])).toEqual({
    label: "in-domain",
    seen: 0,
  });
  for (const split of ["simple", "length", "jump"] as const) {
    expect(exposure(intersection, scanExamples(split, "test"), split === "simple" ? ["scan/simple"] : [])).toEqual({
      label: "out-of-domain",
      seen: 0,
    });
  }
});

it("says unknown of a model whose training nobody knows", () => {
  expect(exposure(model(undefined), scanExamples("jump", "test"), [])).toEqual({ label: "unknown" });
});
