/** SCAN as suites: exact-match accuracy on the test part of a split. */
import { defineSuite, type Suite, type SuiteReport } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { encodeExample, hashExamples, subjectOf } from "@pare/training";
import { z } from "zod";
import { exposure } from "../domain.ts";
import { wilson } from "../interval.ts";
import { sample } from "../sample.ts";
import { isWritten, scoreRows } from "../score.ts";
import { tokenizerFor, withSession } from "../session.ts";
import { SCAN_CITATION, scan } from "./data.ts";
import type { ScanSplit } from "./splits.ts";

export interface ScanSuiteOptions {
  /** A seeded sample of this many test examples; default: all. */
  readonly examples?: number | undefined;
  /** Rows per pass. Default 128. */
  readonly batch?: number | undefined;
}

/** What others measured on the same test, for comparison. */
export interface Published {
  readonly model: string;
  readonly accuracy: number;
  readonly source: string;
}

export interface ScanReport extends SuiteReport {
  /** accuracy, accuracyLow and accuracyHigh (Wilson, 95 %), correct, examples, and `seen` where the model's training is known. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly label: string;
  readonly dataHash: string;
  readonly published: readonly Published[];
}

export type ScanSuite<Id extends string> = Suite<Id, ScanSuiteOptions, Checkpoint, ScanReport>;

const options: z.ZodType<ScanSuiteOptions, ScanSuiteOptions> = z.object({
  examples: z.number().int().min(1).optional(),
  batch: z.number().int().min(1).optional(),
});

/** A random split: its test examples are drawn as its training examples are. */
export const scanSimple: ScanSuite<"scan/simple"> = scanSuite("simple", ["scan/simple"], recurrent(0.998, 1));
/** What the intersection's training commands are drawn from, minus simple's training set: in-domain for models trained on either. */
export const scanIntersection: ScanSuite<"scan/intersection"> = scanSuite("intersection", ["scan/intersection", "scan/simple"]);
export const scanLength: ScanSuite<"scan/length"> = scanSuite("length", [], recurrent(0.138, 2));
export const scanJump: ScanSuite<"scan/jump"> = scanSuite("jump", [], recurrent(0.012, 3));
export const scanTurnLeft: ScanSuite<"scan/turn-left"> = scanSuite("turn-left", [], recurrent(0.903, 3));

/** @param inDomain data sets of which this test is a fair sample, by their ids. */
function scanSuite<Split extends ScanSplit>(
  split: Split,
  inDomain: readonly string[],
  ...published: Published[]
): ScanSuite<`scan/${Split}`> {
  const id = `scan/${split}` as const;
  return defineSuite({
    id,
    version: 1,
    package: "@pare/eval-suites",
    citation: SCAN_CITATION,
    options,
    run: async (subject: Checkpoint, { examples: count, batch = 128 }, context): Promise<ScanReport> => {
      const all = await scan(split).examples("test");
      const examples = sample(all, count, context.seed, id);
      const tokenizer = tokenizerFor(subject, id, wordsOf(examples));
      const { family } = subjectOf(subject, context.registry).architecture;
      const rows = examples.map((example) => encodeExample(tokenizer, family, example));
      const scores = await withSession(subject, id, context, (session) => scoreRows(session, rows, { batch, message: id }, context));
      const correct = rows.filter((row, index) => isWritten(row, scores[index]!)).length;
      const { low, high } = wilson(correct, examples.length);
      const { label, seen } = exposure(subject, examples, inDomain);
      return {
        metrics: {
          accuracy: correct / examples.length,
          accuracyLow: low,
          accuracyHigh: high,
          correct,
          examples: examples.length,
          ...(seen === undefined ? {} : { seen }),
        },
        label,
        dataHash: await hashExamples(examples),
        testExamples: all.length,
        published,
      };
    },
  });
}

/** A recurrent network of the paper, as later papers cite its figures. */
function recurrent(accuracy: number, experiment: number): Published {
  return { model: "recurrent sequence-to-sequence network", accuracy, source: `Lake & Baroni 2018, experiment ${experiment}` };
}

function wordsOf(examples: readonly { readonly source?: string | undefined; readonly target: string }[]): Set<string> {
  return new Set(examples.flatMap(({ source = "", target }) => [...source.split(" "), ...target.split(" ")]));
}
