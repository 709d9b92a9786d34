/**
 * Regions of a computation whose values the backward pass computes anew instead of keeping them: activation checkpointing (Chen et al.,
 * "Training deep nets with sublinear memory cost", 2016). Memory then grows with the regions and with the largest of them.
 */
import { stateMisused } from "./errors.ts";
import { inputsOf, type Node, type OpNode, type Value } from "./graph.ts";

/**
 * `fn` as a region: what it gives is kept, what it needs on the way is computed again when `gradients` comes to it. The second
 * computation repeats the first with the same random keys, so that gradients are the same numbers.
 */
export function remat<Args extends readonly [Value, ...Value[]], Result extends Value | readonly Value[]>(
  fn: (...values: Args) => Result,
): (...values: Args) => Result {
  return (...values) => {
    const builder = values[0].node.builder;
    const from = builder.nodes.length;
    const result = fn(...values);
    builder.markRegion(from);
    return result;
  };
}

/** Gives for each value of a region the one that the backward pass reads. */
export class Recomputation {
  private readonly known = new Map<number, Value>();
  /** Values that others than their own region read: they are there anyway. */
  private readonly kept = new Set<number>();

  constructor(nodes: readonly Node[]) {
    for (const node of nodes) {
      for (const input of inputsOf(node)) if (regionOf(input) !== node.builder.regionOf(node)) this.kept.add(input.id);
    }
  }

  values<Values extends Readonly<Record<string, Value | undefined>>>(values: Values): Values {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value && this.value(value)])) as Values;
  }

  private value(value: Value): Value {
    const region = regionOf(value);
    if (region === undefined || this.kept.has(value.id)) return value;
    if (!this.known.has(value.id)) this.repeat(value.node as OpNode, region);
    return this.known.get(value.id)!;
  }

  private repeat({ op, attrs, inputs, outputs, builder }: OpNode, region: number): void {
    if (op.updates !== undefined) throw stateMisused({ state: op.name, why: "a region that is computed again may not update State" });
    const given = this.values(inputs);
    builder.again = region;
    const again = builder.apply(op, given as never, attrs);
    builder.again = undefined;
    for (const [name, output] of Object.entries(outputs)) this.known.set(output.id, again[name as keyof typeof again]);
  }
}

function regionOf({ node }: Value): number | undefined {
  return node.builder.regionOf(node);
}
