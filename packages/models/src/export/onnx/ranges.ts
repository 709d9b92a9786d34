/** Ranges of what linear weights read, on calibration data: what static quantization puts its grids on. */
import type { ActivationRange } from "@pare/formats";
import { compile, createStore, max, neg, type Device, type HostTensor, type Value } from "@pare/tensor-core";
import type { Architecture } from "../../architecture.ts";
import type { Checkpoint } from "../../checkpoint.ts";
import { calibrationMissing } from "../../errors.ts";
import { forwardGraph, padRows } from "../../scope.ts";

/** Token ids of one example; an encoder–decoder reads a source as well. */
export interface CalibrationRow {
  readonly tokens: readonly number[];
  readonly source?: readonly number[] | undefined;
}

export interface RangeOptions {
  readonly device: Device;
  readonly architecture: Architecture;
  readonly rows: readonly CalibrationRow[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Smallest and largest number that each linear weight is multiplied with over the rows (min–max calibration; Jacob et al. 2018, section
 * 3.1), by weight. Every row runs alone, so that no padding is counted.
 *
 * Throws `models/calibration-missing` without rows.
 */
export async function activationRanges({ config, weights }: Checkpoint, options: RangeOptions): Promise<Map<string, ActivationRange>> {
  const { device, architecture, rows, signal } = options;
  if (rows.length === 0) throw calibrationMissing({});
  const read = new Map<string, string>();
  const graph = forwardGraph(architecture, config, (value) => extremes(value, read));
  const store = createStore(device, { weights });
  const compiled = compile(graph, { store });
  const ranges = new Map<string, ActivationRange>();
  try {
    // Rows of one length after the other: each length is compiled once.
    for (const { tokens, source } of [...rows].sort((a, b) => a.tokens.length - b.tokens.length)) {
      signal?.throwIfAborted();
      const extra = (architecture.tokenInputs?.(config) ?? []).map(({ name, otherwise }) => [name, { otherwise }] as const);
      const inputs = padRows([tokens], source && [source], { extra: Object.fromEntries(extra) });
      const found = await compiled.run(inputs);
      for (const [weight, output] of read) {
        const [top, bottom] = [numberOf(found[`${output}.max`]!), -numberOf(found[`${output}.min`]!)];
        const known = ranges.get(weight);
        ranges.set(weight, { min: Math.min(known?.min ?? 0, bottom), max: Math.max(known?.max ?? 0, top) });
      }
    }
  } finally {
    compiled.dispose();
    await store.dispose();
  }
  return ranges;
}

function numberOf({ data }: HostTensor): number {
  return Number(data[0]);
}

/** The largest of x and of −x for every value that a weight is multiplied with; notes which output stands for which weight. */
function extremes(result: Value, read: Map<string, string>): Record<string, Value> {
  const outputs: Record<string, Value> = {};
  const traced = result.node.builder.nodes.slice();
  for (const node of traced) {
    if (node.kind !== "op" || node.op.name !== "linear") continue;
    const weight = node.inputs["weight"]!.node;
    if (weight.kind !== "leaf" || weight.leaf.kind !== "weight") continue;
    const x = node.inputs["x"]!;
    const output = `read.${x.id}`;
    read.set(weight.leaf.name, output);
    outputs[`${output}.max`] ??= max(x);
    outputs[`${output}.min`] ??= max(neg(x));
  }
  return outputs;
}
