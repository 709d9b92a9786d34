import { describe, expect, it } from "vitest";
import {
  affineOf,
  attention,
  compile,
  countFlops,
  createStore,
  denseOf,
  dim,
  f32,
  linear,
  openReference,
  planRun,
  relu,
  reshape,
  rows,
  trace,
  zeros,
} from "./index.ts";

const graph = trace((t) => {
  const ids = t.input("ids", "i32", [dim("batch"), dim("seq")]);
  const x = rows(t.weight("table", [10, 8]), ids);
  const y = relu(linear(x, t.weight("w", [6, 8])));
  return { y: linear(y, t.weight("v", [4, 6])) };
});
const quantized = affineOf({ shape: [6, 8], bits: 4, groupSize: 8, codes: zeros("u8", [6, 4]), scales: f32([6, 1]) });
const weights = new Map([
  ["table", denseOf(f32([10, 8]))],
  ["w", quantized],
  ["v", denseOf(f32([4, 6]))],
]);

describe("the flops of a graph", () => {
  it("counts products twice, elements once, views not at all", () => {
    // 2·6·8 + 2·4·6 per token for the layers, 6 for relu, 8 for the row.
    expect(countFlops(graph, { batch: 2, seq: 3 })).toBe(6 * (96 + 48 + 6 + 8));
    const attended = (causal: boolean): number =>
      countFlops(
        trace((t) => {
          const q = reshape(t.input("q", "f32", [dim("batch"), dim("seq"), 6]), [dim("batch"), dim("seq"), 2, 3]);
          return { y: attention(q, q, q, { scale: 1, causal, keyValueHeads: [0, 1] }) };
        }),
        { batch: 2, seq: 5 },
      );
    expect(attended(false)).toBe(4 * 2 * 2 * 3 * 25);
    expect(attended(true)).toBe(4 * 2 * 2 * 3 * 15);
  });
});

describe("the plan of a run", () => {
  it("is the arena that compile makes, and the weights in the form they run in", async () => {
    const { arenaBytes, weightBytes, stateBytes } = await planRun(graph, { dims: { batch: 2, seq: 3 }, weights });
    const compiled = compile(graph, { store: createStore(openReference(), { weights }) });
    expect(arenaBytes).toBe(await compiled.prepare({ ids: [2, 3] }));
    expect(weightBytes).toBe(4 * (80 + 24) + quantized.bytes);
    expect(stateBytes).toBe(0);
  });
});
