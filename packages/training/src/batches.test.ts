import { describe, expect, it } from "vitest";
import { batchTensors, planEpoch, planSorted } from "./batches.ts";
import { writtenSequence, type Sequence } from "./sequence.ts";
import { subjectOf } from "./subject.ts";
import { toyContext, toyModel } from "./testing/toy.ts";

const sequences = Array.from({ length: 100 }, (_, i) =>
  writtenSequence({ tokens: Array.from({ length: 2 + ((i * 37) % 20) }, (_, j) => j + 1), start: 1 }),
);

const { registry } = await toyContext();

function tensorsOf(given: readonly Sequence[], rows?: number, contextLength?: number) {
  return batchTensors(subjectOf(toyModel({ contextLength }), registry), given, { rows });
}

describe("planEpoch", () => {
  it("visits every sequence once, in batches of the size asked for", () => {
    const batches = planEpoch(sequences, 8, 3, 0);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(sequences.map((_, i) => i));
    expect(batches.filter((batch) => batch.length !== 8)).toHaveLength(1);
  });

  it("is decided by seed and epoch alone", () => {
    expect(planEpoch(sequences, 8, 3, 1)).toEqual(planEpoch(sequences, 8, 3, 1));
    expect(planEpoch(sequences, 8, 3, 1)).not.toEqual(planEpoch(sequences, 8, 3, 0));
    expect(planEpoch(sequences, 8, 4, 1)).not.toEqual(planEpoch(sequences, 8, 3, 1));
  });

  it("pads far less than batches in a random order would", () => {
    const padding = planEpoch(sequences, 8, 3, 0).reduce((sum, batch) => {
      const lengths = batch.map((index) => sequences[index].tokens.length);
      return sum + lengths.reduce((missing, length) => missing + Math.max(...lengths) - length, 0);
    }, 0);
    expect(padding).toBeLessThan(100);
  });
});

describe("planSorted", () => {
  it("visits every sequence once, shortest first", () => {
    const lengths = planSorted(sequences, 7)
      .flat()
      .map((index) => sequences[index].tokens.length);
    expect(lengths).toEqual(sequences.map(({ tokens }) => tokens.length).sort((a, b) => a - b));
  });
});

describe("batchTensors", () => {
  it("shifts targets, hides what is not predicted, and fills up with silent rows", () => {
    const { inputs, predictions } = tensorsOf(
      [writtenSequence({ tokens: [1, 5, 6, 7], start: 2 }), writtenSequence({ tokens: [1, 8], start: 1 })],
      3,
    );
    expect(inputs["tokens"].shape).toEqual([3, 4]);
    expect([...inputs["tokens"].data].slice(0, 4)).toEqual([1, 5, 6, 0]);
    expect([...inputs["lengths"].data]).toEqual([3, 1, 1]);
    expect([...inputs["targets"].data].map(Number)).toEqual([-1, 6, 7, -1, 8, ...Array(7).fill(-1)]);
    expect(predictions).toBe(3);
  });

  it("gives an encoder–decoder its sources under their own width", () => {
    const { inputs } = tensorsOf(
      [writtenSequence({ tokens: [1, 2], source: [7, 7, 7], start: 1 }), writtenSequence({ tokens: [1, 2], source: [9], start: 1 })],
      4,
    );
    expect(inputs["source"].shape).toEqual([4, 4]);
    expect([...inputs["sourceLengths"].data]).toEqual([3, 1, 1, 1]);
  });

  it("is no wider than the model's positions, and refuses what they do not reach", () => {
    const rows = [writtenSequence({ tokens: [1, 5, 6, 7, 8, 9, 10], start: 1 })];
    expect(tensorsOf(rows, 1, 6).inputs["tokens"]!.shape).toEqual([1, 6]);
    expect(tensorsOf(rows, 1, 40).inputs["tokens"]!.shape).toEqual([1, 8]);
    expect(() => tensorsOf(rows, 1, 5)).toThrow(/training\/example-too-long/);
  });
});
