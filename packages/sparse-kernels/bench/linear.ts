/**
 * Sparse linear layers against this repository's own dense GEMM: weight 3072×768, 128 tokens and 1 token, activations in
 * `[tokens, features]` with their packing included, one thread. All ways of one row are timed in turn, round after round
 * in one process; a time is the median of its rounds, a ratio the dense median over the sparse one. The fastest round tells
 * how much of a time other processes took.
 *
 *     pnpm exec node --conditions=@pare/source packages/sparse-kernels/bench/linear.ts [rounds]
 */
import { openWasm } from "@pare/backend-wasm";
import {
  compile,
  createStore,
  denseOf,
  f32,
  firstCandidate,
  linear,
  trace,
  uniform,
  type Device,
  type HostTensor,
  type StoredWeight,
} from "@pare/tensor-core";
import { toBlock, toCsr } from "../src/index.ts";
import { sparseWasmPack } from "../src/wasm/index.ts";

const OUT = 3072;
const FEATURES = 768;
const rounds = Number(process.argv[2] ?? 41);

console.log(`Node ${process.version}, ${rounds} rounds, weight ${OUT}×${FEATURES}`);
for (const portable of [false, true]) {
  const device = await openWasm({ packs: [sparseWasmPack], portable });
  for (const tokens of [128, 1]) await compare(device, tokens);
  await device.close();
}

async function compare(device: Device, tokens: number): Promise<void> {
  const weights: Record<string, StoredWeight> = { dense: denseOf(f32([OUT, FEATURES], uniform(1, 0, OUT * FEATURES))) };
  for (const percent of [80, 90, 95]) {
    weights[`block 4×1 ${percent} %`] = toBlock(pruned(4, percent), { rows: 4 });
    weights[`CSR ${percent} %`] = toCsr(pruned(1, percent));
  }
  const layers = Object.entries(weights).map(([name, weight]) => ({
    name,
    weight,
    run: layerOf(device, weight, tokens),
    times: [] as number[],
  }));
  for (let round = -5; round < rounds; round++) {
    for (const { run, times } of layers) {
      const begin = performance.now();
      await run();
      if (round >= 0) times.push(performance.now() - begin);
    }
  }
  const dense = median(layers[0]!.times);
  console.log(`\n${tokens} token${tokens === 1 ? "" : "s"}, ${device.backend} ${device.variant}`);
  for (const { name, weight, times } of layers) {
    const flop = (2 * tokens * weight.parts["values"]!.bytes) / 4;
    const speed = (ms: number): string => `${ms.toFixed(3).padStart(8)} ms ${(flop / ms / 1e6).toFixed(1).padStart(6)} GFLOP/s`;
    const ratio = (dense / median(times)).toFixed(2).padStart(6);
    console.log(`${name.padEnd(16)} ${speed(median(times))}  ${ratio}× dense   fastest ${speed(Math.min(...times))}`);
  }
}

function layerOf(device: Device, weight: StoredWeight, tokens: number): () => Promise<unknown> {
  const store = createStore(device, { weights: new Map([["weight", weight]]) });
  store.setState("x", f32([tokens, FEATURES], uniform(2, 0, tokens * FEATURES)));
  const graph = trace((t) => ({ y: linear(t.state("x", "f32", [tokens, FEATURES]), t.weight("weight", [OUT, FEATURES])) }));
  const layer = compile(graph, { store, chooser: firstCandidate });
  return () => layer.run({}, { read: [] });
}

/** Random groups of `rows` outputs are pruned. */
function pruned(rows: number, percent: number): HostTensor {
  const chance = uniform(3, rows, (OUT / rows) * FEATURES);
  const values = uniform(4, rows, OUT * FEATURES);
  return f32(
    [OUT, FEATURES],
    values.map((value, i) => (chance[Math.floor(i / FEATURES / rows) * FEATURES + (i % FEATURES)]! * 100 < percent ? 0 : value - 0.5)),
  );
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
