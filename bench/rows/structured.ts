/**
 * What structured pruning leaves, beside what it was: an encoder of MiniLM's shape (6 layers, width 384, 12 heads, feed-forward 1536) that
 * lost half of its heads and neurons and a quarter of its width, 128 tokens, batch 1, one thread; ours and ONNX Runtime over what our own
 * writer exports. All take turns. Judged: each runtime is
 * faster by at least four fifths of what the operations say.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { createRegistry, memoryFiles, pipeline } from "@pare/core";
import { writeOnnx } from "@pare/formats";
import { bert, bertConfig, builtIn, createModel, extraOf, forwardGraph, padRows, type BertConfig, type Checkpoint } from "@pare/models";
import { heads, neurons, width } from "@pare/prune";
import { compile, countFlops, createStore, type HostTensor } from "@pare/tensor-core";
import { digits, interleave, report, smoke } from "../../tools/bench/harness.ts";
import { ORT_NODE, onnxWay } from "../peers/onnxruntime.ts";
import { PARE } from "../peers/pare.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";

const [LAYERS, WIDTH, HEADS, TOKENS] = smoke ? [1, 64, 4, 16] : [6, 384, 12, 128];

const config = bertConfig({
  vocabularySize: smoke ? 100 : 30522,
  contextLength: 512,
  hiddenSize: WIDTH,
  layers: LAYERS,
  heads: HEADS,
  feedForward: 4 * WIDTH,
});
joinVectors();
const device = await openWasm();
const whole = createModel(bert.define, config, { seed: 1 });
const { model: pruned } = await pipeline<{ model: Checkpoint }>()
  .step(heads({ fraction: 0.5, score: "magnitude", even: true }))
  .step(neurons({ fraction: 0.5, score: "random" }))
  .step(width({ fraction: 0.25, score: "magnitude" }))
  .run({ model: whole }, { device, registry: createRegistry(...builtIn) });

const tokens = Array.from({ length: TOKENS }, (_, i) => (i * 7919) % config.vocabularySize);
const inputs = padRows([tokens], undefined, { extra: extraOf(bert.define, config) });
const graphOf = (model: Checkpoint): ReturnType<typeof forwardGraph> =>
  forwardGraph(bert.define, model.config as BertConfig, (hidden) => ({ hidden }));

async function waysOf(model: Checkpoint): Promise<Record<string, Way>> {
  const graph = graphOf(model);
  const compiled = compile(graph, { store: createStore(device, { weights: model.weights }) });
  let hidden: HostTensor | undefined;
  const files = memoryFiles();
  await writeOnnx(files, "model.onnx", { graph, weights: model.weights });
  const given = Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
    name,
    { element: dtype as "i32", shape, data: data as Int32Array },
  ]);
  const work = { model: await files.read("model.onnx"), inputs: Object.fromEntries(given), output: "hidden" };
  const ways = {
    [PARE]: { run: async () => void (hidden = (await compiled.run(inputs))["hidden"]), result: async () => hidden!.data as Float32Array },
    [ORT_NODE]: await onnxWay(ORT_NODE, work),
  };
  await expectEqual(ways, PARE, 1e-4);
  return ways;
}

const sizeOf = ({ weights }: Checkpoint): number => [...weights.values()].reduce((sum, { bytes }) => sum + bytes, 0);
const flopsOf = (model: Checkpoint): number => countFlops(graphOf(model), { batch: 1, seq: TOKENS });
const [bytes, flops] = [sizeOf(pruned) / sizeOf(whole), flopsOf(pruned) / flopsOf(whole)];
console.log(`encoder ${LAYERS}×${WIDTH} pruned: ${digits(100 * bytes)} % of its bytes, ${digits(100 * flops)} % of its operations`);

const named = async (suffix: string, model: Checkpoint): Promise<[string, Way][]> =>
  Object.entries(await waysOf(model)).map(([name, way]) => [`${name}${suffix}`, way]);
const ways: Record<string, Way> = Object.fromEntries([...(await named("", whole)), ...(await named(", pruned", pruned))]);
const times = await interleave(runsOf(ways), smoke ? 2 : 41, smoke ? 1 : 10);
for (const name of [PARE, ORT_NODE]) {
  const [before, after] = [times[name]!, times[`${name}, pruned`]!];
  report({
    what: `encoder ${LAYERS}×${WIDTH} with ${digits(100 * flops)} % of its operations, ${TOKENS} tokens, ${name}: times as fast as whole`,
    value: before.median / after.median,
    fastest: before.fastest / after.fastest,
    unit: "×",
    target: smoke ? undefined : { least: Number((0.8 / flops).toFixed(2)) },
    against: `${name}, whole`,
  });
}
