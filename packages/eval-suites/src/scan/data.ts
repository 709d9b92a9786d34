/** SCAN as training data: `{ use: "scan", split: "simple" }`. */
import { API_VERSION, jsonSchemaOf } from "@pare/core";
import type { DataPlugin, DataSet } from "@pare/training";
import { z } from "zod";
import { SCAN_SPLITS, scanExamples, type ScanSplit } from "./splits.ts";

export const SCAN_CITATION =
  "Lake, B. M. & Baroni, M. (2018). Generalization without systematicity: on the compositional skills of sequence-to-sequence recurrent networks. ICML 2018, arXiv:1711.00350.";

export interface ScanOptions {
  /** "intersection": what the simple, length and jump training sets share; see `scanExamples`. */
  readonly split: ScanSplit;
}

const options: z.ZodType<ScanOptions, ScanOptions> = z.object({ split: z.enum(SCAN_SPLITS) });

/** One split of SCAN. Sources are commands, targets are actions separated by spaces. */
export function scan(split: ScanSplit): DataSet {
  return {
    use: "scan",
    version: 1,
    options: { split },
    id: `scan/${split}`,
    citation: SCAN_CITATION,
    examples: async (part) => scanExamples(split, part),
  };
}

export const scanData: DataPlugin<"scan", ScanOptions> = {
  kind: "data",
  id: "scan",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/eval-suites",
  jsonSchema: jsonSchemaOf(options),
  define: { citation: SCAN_CITATION, options, open: ({ split }) => scan(split) },
};
