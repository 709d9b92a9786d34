/**
 * Sparse linear layers against this repository's own dense GEMM: weight 3072×768, 128 tokens and 1 token, activations in
 * `[tokens, features]` with their packing included, one thread. All ways of one row are timed in turn, round after round in
 * one process.
 *
 *     pnpm exec node --conditions=@pare/source packages/sparse-kernels/bench/linear.ts [rounds] [--smoke]
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import {
  compile,
  createStore,
  denseOf,
  f32,
  roundActivations,
  linear,
  trace,
  uniform,
  type Device,
  type HostTensor,
  type StoredWeight,
} from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { prunedWeight, roundedBlocks } from "../../../tools/bench/pruned.ts";
import { toBlock, toCsr } from "../src/index.ts";
import { sparseWasmPack } from "../src/wasm/index.ts";

const OUT = smoke ? 192 : 3072;
const FEATURES = smoke ? 64 : 768;
const rounds = numbers[0] ?? (smoke ? 3 : 41);
/** What the default kernels are built to reach at 128 tokens. */
const TARGETS: Readonly<Record<string, number>> = { "block 4×1 90 %": 6 };
const DENSE_TARGET = 38;

joinVectors();
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
    if (percent === 90) {
      weights["block 4×2 90 %"] = toBlock(pruned(4, percent, 2), { rows: 4, columns: 2 });
      weights["block 16×1 90 %"] = toBlock(pruned(16, percent), { rows: 16 });
      weights["block 4×2 90 % int8"] = roundedBlocks(pruned(4, percent, 2));
    }
  }
  const times = await interleave(
    Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, layerOf(device, weight, tokens)])),
    rounds,
    5,
  );
  const judged = tokens === 128 && device.variant === "relaxed-simd";
  console.log(`${OUT}×${FEATURES}, ${tokens} token${tokens === 1 ? "" : "s"}, ${device.backend} ${device.variant}, ${rounds} rounds`);
  for (const [name, weight] of Object.entries(weights)) {
    const { median, fastest } = times[name]!;
    const kept = weight.mask === undefined ? OUT * FEATURES : ((await weight.mask()).data as Uint8Array).reduce((sum, bit) => sum + bit, 0);
    const flop = (2 * tokens * kept) / 1e6;
    const what = `${tokens} × ${name}, ${device.variant}`;
    const target = judged && name === "dense" ? { least: DENSE_TARGET } : undefined;
    report({ what, value: flop / median, fastest: flop / fastest, unit: "GFLOP/s", target });
    if (name === "dense") continue;
    const least = judged ? TARGETS[name] : undefined;
    report({
      what: `${what} against dense`,
      value: times["dense"]!.median / median,
      fastest: times["dense"]!.fastest / fastest,
      unit: "×",
      target: least === undefined ? undefined : { least },
    });
  }
}

function layerOf(device: Device, weight: StoredWeight, tokens: number): () => Promise<unknown> {
  const store = createStore(device, { weights: new Map([["weight", weight]]) });
  store.setState("x", f32([tokens, FEATURES], uniform(2, 0, tokens * FEATURES)));
  const graph = trace((t) => ({ y: linear(t.state("x", "f32", [tokens, FEATURES]), t.weight("weight", [OUT, FEATURES])) }));
  const layer = compile(graph, { store, chooser: roundActivations() });
  return () => layer.run({}, { read: [] });
}

function pruned(rows: number, percent: number, columns?: number): HostTensor {
  return prunedWeight({ out: OUT, features: FEATURES, percent, rows, columns });
}
