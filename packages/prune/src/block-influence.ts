/** How much each transformer layer changes what passes through it. */
import type { Context } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import { add, div, mul, sqrt, sum, type Tracer, type Value } from "@pare/tensor-core";
import { siteMeans, subjectOf, type Sequence } from "@pare/training";

export interface BlockInfluenceOptions {
  readonly model: Checkpoint;
  readonly sequences: readonly Sequence[];
  /** Sequences per run on the device; changes nothing but rounding. */
  readonly batch: number;
  readonly context: Context;
}

/** Keeps the length of a zero vector off 0. */
const LEAST = 1e-30;

/**
 * By stack, BI_i = 1 − E[cos(x_i, x_i+1)] of each layer, x_i being the residual stream it reads and x_i+1 the one it leaves (Men et al.
 * 2024, equation 1), over all positions of the calibration data that predict a token. 0: the layer changes no direction.
 *
 * @throws `training/device-missing`.
 */
export async function blockInfluence({ model, sequences, batch, context }: BlockInfluenceOptions): Promise<Map<string, readonly number[]>> {
  const stacks = subjectOf(model, context.registry).architecture.layers(model.config);
  const sites: Record<string, (value: Value, tracer: Tracer) => Value | undefined> = {};
  for (const { prefixes, input } of stacks) {
    let before: Value;
    if (prefixes.length > 0) sites[input] = (value) => void (before = value);
    for (const prefix of prefixes) {
      sites[siteOf(prefix)] = (after, tracer) => {
        const similarity = cosine(before, after, tracer);
        before = after;
        return similarity;
      };
    }
  }
  const means = await siteMeans({ model, sequences, batch, sites, context, use: "prune/layers" });
  return new Map(stacks.map(({ stack, prefixes }) => [stack, prefixes.map((prefix) => 1 - means.get(siteOf(prefix))![0])]));
}

function siteOf(prefix: string): string {
  return prefix.slice(0, -1);
}

/** `[batch, seq, hidden]` twice → `[batch, seq, 1]`. */
function cosine(a: Value, b: Value, tracer: Tracer): Value {
  const least = tracer.constant(LEAST);
  const length = (x: Value): Value => sqrt(add(sum(mul(x, x), [2], true), least));
  return sum(mul(div(a, length(a)), div(b, length(b))), [2], true);
}
