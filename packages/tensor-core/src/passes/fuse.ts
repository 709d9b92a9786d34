/** Activation and residual move into the op before them where that op has an epilogue. Runs after gradients are traced. */
import { sameShape } from "../dim.ts";
import type { Graph, OpNode, Value } from "../graph.ts";
import { ACTIVATIONS } from "../ops/support/math.ts";
import { countReaders, rewrite } from "./rewrite.ts";

export function fuse(graph: Graph): Graph {
  return fuseResidual(fuseActivation(graph));
}

function fuseActivation(graph: Graph): Graph {
  const readers = countReaders(graph);
  return rewrite(graph, {
    op: ({ op, inputs: before }, _inputs, { builder, mapped }) => {
      const producer = before["x"] && epilogueOf(before["x"], readers);
      if (producer === undefined || !Object.hasOwn(ACTIVATIONS, op.name) || producer.attrs["activation"] !== "none") return undefined;
      return builder.apply(producer.op, mapAll(producer, mapped) as never, { ...producer.attrs, activation: op.name } as never);
    },
  });
}

function fuseResidual(graph: Graph): Graph {
  const readers = countReaders(graph);
  return rewrite(graph, {
    op: ({ op, inputs: before }, _inputs, { builder, mapped }) => {
      const { a, b } = before;
      if (op.name !== "add" || a === undefined || b === undefined || !sameShape(a.shape, b.shape) || a.id === b.id) return undefined;
      for (const [sum, residual] of [
        [a, b],
        [b, a],
      ] as const) {
        const producer = epilogueOf(sum, readers);
        if (producer === undefined || producer.inputs["residual"] !== undefined) continue;
        return builder.apply(producer.op, { ...mapAll(producer, mapped), residual: mapped(residual) } as never, producer.attrs);
      }
      return undefined;
    },
  });
}

/** The node behind a value that only one reader has and whose op has an epilogue. */
function epilogueOf(value: Value, readers: ReadonlyMap<number, number>): OpNode | undefined {
  const { node } = value;
  return node.kind === "op" && node.op.epilogue === true && readers.get(value.id) === 1 ? node : undefined;
}

function mapAll({ inputs }: OpNode, mapped: (old: Value) => Value): Record<string, Value | undefined> {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, value && mapped(value)]));
}
