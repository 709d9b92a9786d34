/** Means over calibration data of what a function makes of the values at sites. */
import type { Context } from "@pare/core";
import { forwardGraph, type Checkpoint } from "@pare/models";
import { add, compile, createStore, mul, reshape, sum, zeros, type SiteRequest, type Tracer, type Value } from "@pare/tensor-core";
import type { Sequence } from "../sequence.ts";
import { deviceOf, listeners, subjectOf } from "../subject.ts";
import { countPositions, maskedBatches, maskOf } from "./masks.ts";

export interface SiteMeansOptions {
  readonly model: Checkpoint;
  readonly sequences: readonly Sequence[];
  /** Sequences per run on the device; changes nothing but rounding. */
  readonly batch: number;
  /**
   * By site, in any order: from the value there, what is averaged, f32 `[batch, seq or sourceSeq, width]`; undefined: nothing, the value
   * is only looked at. Called in the order of the computation.
   */
  readonly sites: Readonly<Record<string, (value: Value, tracer: Tracer) => Value | undefined>>;
  readonly context: Context;
  /** Stage that asks, for messages. */
  readonly use: string;
}

/**
 * By site, the mean `[width]` over all positions that predict a token. The sums stay on the device; memory does not grow with the data.
 *
 * @throws `training/device-missing`, `tensor-core/site-unknown`.
 */
export async function siteMeans({ model, sequences, batch, sites, context, use }: SiteMeansOptions): Promise<Map<string, Float64Array>> {
  const device = deviceOf(context, use);
  const subject = subjectOf(model, context.registry);
  const { architecture } = subject;
  const sums = new Map<string, { readonly width: number; readonly mask: string }>();
  const requests = Object.entries(sites).map(([site, measure]): [string, SiteRequest] => {
    const reduce = (value: Value, tracer: Tracer): void => {
      const measured = measure(value, tracer);
      if (measured === undefined) return;
      const [rows, positions, width] = measured.shape;
      const mask = maskOf(measured, tracer);
      const state = tracer.state(stateOf(site), "f32", [width]);
      tracer.assign(state, add(state, sum(mul(measured, reshape(mask.value, [rows, positions, 1])), [0, 1])));
      sums.set(site, { width: width as number, mask: mask.name });
    };
    return [site, { reduce }];
  });
  const store = createStore(device, { weights: model.weights });
  const graph = forwardGraph(architecture, model.config, () => ({}), { sites: Object.fromEntries(requests) });
  const compiled = compile(graph, { store, ...listeners(context, device) });
  try {
    for (const [site, { width }] of sums) store.setState(stateOf(site), zeros("f32", [width]));
    const batches = maskedBatches(subject, sequences, batch);
    for (const [done, inputs] of batches.entries()) {
      context.signal.throwIfAborted();
      await compiled.run(inputs);
      context.emit({ type: "progress", progress: { done: done + 1, total: batches.length, unit: "batches", message: "calibration" } });
    }
    const means = new Map<string, Float64Array>();
    for (const [site, { mask }] of sums) {
      const count = countPositions(batches, mask);
      const { data } = await store.readState(stateOf(site));
      means.set(
        site,
        Float64Array.from(data as Float32Array, (total) => total / count),
      );
    }
    return means;
  } finally {
    compiled.dispose();
    await store.dispose();
  }
}

function stateOf(site: string): string {
  return `calibration/mean/${site}`;
}
