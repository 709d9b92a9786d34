/**
 * What a training step holds: bytes of the arena as it is, with activations computed anew and in passes over parts of its batch, with
 * the time each takes; and whether anything grows over a thousand steps.
 *
 *     pnpm exec node --conditions=@pare/source packages/training/bench/memory.ts [steps] [--smoke]
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openWasm } from "@pare/backend-wasm";
import { createRegistry } from "@pare/core";
import { builtIn, createModel, llama, llamaConfig } from "@pare/models";
import { adamwHyper, compile, createStore, f32, type Graph, type HostTensor, type Store } from "@pare/tensor-core";
import { interleave, numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { batchTensors } from "../src/batches.ts";
import { nextToken } from "../src/objectives/next-token.ts";
import { accumulatingGraphs, startStates, stepGraph } from "../src/step-graph.ts";
import { writtenSequence } from "../src/sequence.ts";
import { subjectOf } from "../src/subject.ts";
import { trainAll, type TrainableView } from "../src/view.ts";

const [LAYERS, WIDTH, BATCH, TOKENS, PARTS] = smoke ? [2, 32, 4, 16, 2] : [6, 128, 8, 128, 4];
const steps = numbers[0] ?? (smoke ? 20 : 1000);
const rounds = smoke ? 1 : 5;

const config = llamaConfig({
  vocabularySize: 256,
  contextLength: TOKENS,
  hiddenSize: WIDTH,
  layers: LAYERS,
  heads: 4,
  feedForward: 3 * WIDTH,
});
const model = createModel(llama.define, config, { seed: 1 });
const subject = subjectOf(model, createRegistry(...builtIn));
const views = new Map(
  llama.define.weights(config).map((spec) => [spec.name, trainAll(spec, model.weights.get(spec.name)!) as TrainableView]),
);
const options = { subject, frozen: {}, objective: nextToken(), views, clip: true };
const device = await openWasm();

const whole = inputsOf(BATCH);
const part = inputsOf(BATCH / PARTS);
const hyper = adamwHyper({ learningRate: 1e-3, step: 10 });
const update = { decayed: hyper, plain: hyper, clip: f32([], [1]) };

const ways = {
  "as it is": await single(false),
  "activations anew": await single(true),
  [`in ${PARTS} passes`]: await inParts(false),
  [`in ${PARTS} passes, activations anew`]: await inParts(true),
};
console.log(`decoder of ${LAYERS} layers, width ${WIDTH}, ${BATCH} × ${TOKENS} tokens, ${device.variant}`);
for (const [name, { arena }] of Object.entries(ways)) {
  report({ what: `arena of a training step, ${name}`, value: arena / 2 ** 20, unit: "MiB" });
}
const times = await interleave(Object.fromEntries(Object.entries(ways).map(([name, { run }]) => [name, run])), rounds, 1);
for (const [name, { median, fastest }] of Object.entries(times))
  report({ what: `training step, ${name}`, value: median, fastest, unit: "ms" });

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const small = await single(false, inputsOf(1));
for (let i = 0; i < 100; i++) await small.run();
const before = held();
for (let i = 0; i < steps; i++) await small.run();
const after = held();
const growth = (key: "heap" | "buffers"): number => Math.max(0, after[key] - before[key]);
// The collector's own books and code that was optimised meanwhile move either by some kilobytes; one forgotten tensor per step is more.
report({
  what: `JavaScript heap that ${steps} training steps leave behind`,
  value: growth("heap") / 1024,
  unit: "KiB",
  target: { most: 256 },
});
report({
  what: `memory outside of it that ${steps} training steps leave behind`,
  value: growth("buffers") / 1024,
  unit: "KiB",
  target: { most: 4 },
});

/** Bytes; the device's WebAssembly memory is among the buffers. */
function held(): { readonly heap: number; readonly buffers: number } {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, buffers: external };
}

interface Way {
  readonly run: () => Promise<unknown>;
  /** Bytes. */
  readonly arena: number;
}

async function single(remat: boolean, given: Readonly<Record<string, HostTensor>> = whole): Promise<Way> {
  const graph = stepGraph({ ...options, remat });
  const compiled = compile(graph, { store: await storeOf(false) });
  return { run: () => compiled.run({ ...given, ...update }, { read: [] }), arena: await arenaOf(compiled, { ...given, ...update }) };
}

async function inParts(remat: boolean): Promise<Way> {
  const graphs = accumulatingGraphs({ ...options, remat });
  const store = await storeOf(true);
  const compiled = (graph: Graph) => compile(graph, { store });
  const [pass, last] = [compiled(graphs.pass), compiled(graphs.update)];
  const given = { ...part, share: f32([], [1 / PARTS]) };
  return {
    run: async () => {
      for (let i = 0; i < PARTS; i++) await pass.run(given, { read: [] });
      await last.run(update, { read: [] });
    },
    arena: await arenaOf(pass, given),
  };
}

function arenaOf(compiled: ReturnType<typeof compile>, given: Readonly<Record<string, HostTensor>>): Promise<number> {
  return compiled.prepare(Object.fromEntries(Object.entries(given).map(([name, { shape }]) => [name, shape])));
}

async function storeOf(sums: boolean): Promise<Store> {
  const store = createStore(device, { weights: model.weights });
  await startStates(store, views, sums);
  return store;
}

function inputsOf(rows: number): Record<string, HostTensor> {
  const sequences = Array.from({ length: rows }, (_, row) =>
    writtenSequence({ tokens: Array.from({ length: TOKENS + 1 }, (_, i) => (i * 7 + row) % 256), start: 1 }),
  );
  const { inputs } = batchTensors(subject, sequences);
  return { ...inputs, weight: f32([], [1 / (BATCH * TOKENS)]) };
}
