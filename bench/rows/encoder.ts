/**
 * A forward pass of an encoder of MiniLM's shape (6 layers, width 384, 12 heads, feed-forward 1536), 128 tokens, batch 1, one thread:
 * ours, and ONNX Runtime over the same weights as this project's own writer exports them.
 */
import { openWasm } from "@pare/backend-wasm";
import { memoryFiles } from "@pare/core";
import { writeOnnx } from "@pare/formats";
import { bert, bertConfig, createModel, extraOf, forwardGraph, padRows } from "@pare/models";
import { compile, createStore, type HostTensor } from "@pare/tensor-core";
import { compare, interleave, smoke } from "../../tools/bench/harness.ts";
import { ORT_NODE, ORT_WEB, onnxWay, type OnnxWork } from "../peers/onnxruntime.ts";
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
const model = createModel(bert.define, config, { seed: 1 });
const graph = forwardGraph(bert.define, config, (hidden) => ({ hidden }));
const tokens = Array.from({ length: TOKENS }, (_, i) => (i * 7919) % config.vocabularySize);
const inputs = padRows([tokens], undefined, { extra: extraOf(bert.define, config) });

const device = await openWasm();
const compiled = compile(graph, { store: createStore(device, { weights: model.weights }) });
let hidden: HostTensor | undefined;
const work = await exported();
const ways: Record<string, Way> = {
  [PARE]: {
    run: async () => void (hidden = (await compiled.run(inputs))["hidden"]),
    result: async () => hidden!.data as Float32Array,
  },
  [ORT_WEB]: await onnxWay(ORT_WEB, work),
  [ORT_NODE]: await onnxWay(ORT_NODE, work),
};
await expectEqual(ways, PARE, 1e-4);
const times = await interleave(runsOf(ways), smoke ? 2 : 31, smoke ? 1 : 10);
compare({
  what: `encoder ${LAYERS}×${WIDTH}, ${TOKENS} tokens, batch 1, ${device.variant}`,
  times,
  ours: PARE,
  targets: smoke ? [] : [{ against: [ORT_WEB], least: 1.7 }],
});

async function exported(): Promise<OnnxWork> {
  const files = memoryFiles();
  await writeOnnx(files, "model.onnx", { graph, weights: model.weights });
  const given = Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
    name,
    { element: dtype as "i32", shape, data: data as Int32Array },
  ]);
  return { model: await files.read("model.onnx"), inputs: Object.fromEntries(given), output: "hidden" };
}
