/** What is known of stories260K under the methods that read calibration data or remove structure. */
import { FILES, SUITE_OPTIONS, type Case } from "./protocol.ts";

const { separator, minChars, maxTokens } = SUITE_OPTIONS;
/** The 64 stories after those that are evaluated. */
const CALIBRATION = { data: { use: "text", file: FILES.text, separator, minChars, skip: 60, examples: 64 }, maxTokens };

/** Where a method decides by its own arithmetic, within 2 %. */
function near(name: string, nll: number, step: Readonly<Record<string, unknown>>): Case {
  return { name, nll, tolerance: Math.round(200 * nll) / 1e4, step };
}

function defined(name: string, nll: number, step: Readonly<Record<string, unknown>>): Case {
  return { name, nll, tolerance: 0.004, step };
}

function gptq(name: string, nll: number, options: object): Case {
  return near(name, nll, { use: "quantize/gptq", ...CALIBRATION, ...options });
}

export const METHODS: readonly Case[] = [
  defined("int3 per row, round to nearest", 3.1259, { use: "quantize/round-to-nearest", bits: 3 }),
  gptq("int4 per row, GPTQ", 1.4522, { bits: 4, activationOrder: false }),
  gptq("int4 per row, GPTQ in activation order", 1.4337, { bits: 4, activationOrder: true }),
  gptq("int4 in groups of 32, GPTQ", 1.4134, { bits: 4, granularity: "group", groupSize: 32, activationOrder: false }),
  gptq("int4 in groups of 32, GPTQ in activation order", 1.4028, { bits: 4, granularity: "group", groupSize: 32, activationOrder: true }),
  gptq("int3 per row, GPTQ", 2.5244, { bits: 3, activationOrder: false }),
  gptq("int3 per row, GPTQ in activation order", 2.4735, { bits: 3, activationOrder: true }),
  near("50 %, Wanda", 2.893, { use: "prune/wanda", ...CALIBRATION, sparsity: 0.5 }),
  near("50 %, SparseGPT", 2.742, { use: "prune/sparsegpt", ...CALIBRATION, sparsity: 0.5 }),
  defined("2:4, magnitude", 4.716, { use: "prune/magnitude", pattern: "2:4" }),
  near("2:4, Wanda", 4.248, { use: "prune/wanda", ...CALIBRATION, pattern: "2:4" }),
  near("2:4, SparseGPT", 3.464, { use: "prune/sparsegpt", ...CALIBRATION, pattern: "2:4" }),
  ...[1.369, 1.412, 1.497].map((nll, index) =>
    defined(`${index + 1}0 % of the heads, Michel`, nll, { use: "prune/heads", ...CALIBRATION, fraction: (index + 1) / 10 }),
  ),
  ...[4.874, 2.594, 2.08, 2.204, 2.314].map((nll, layer) =>
    defined(`without layer ${layer}`, nll, { use: "prune/layers", remove: [layer] }),
  ),
  near("25 % of the neurons, activation norm", 2.123, { use: "prune/neurons", ...CALIBRATION, fraction: 0.25 }),
];
