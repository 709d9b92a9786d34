/**
 * What structured pruning leaves, beside what it was: an encoder of MiniLM's shape (6 layers, width 384, 12 heads, feed-forward 1536) that
 * lost half of its heads and neurons and a quarter of its width, 128 tokens, batch 1, one thread; ours and ONNX Runtime over what our own
 * writer exports. All take turns. Judged: each runtime is faster by at least four fifths of what the operations say.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { createRegistry, pipeline } from "@pare/core";
import { builtIn, type Checkpoint } from "@pare/models";
import { heads, neurons, width } from "@pare/prune";
import { countFlops } from "@pare/tensor-core";
import { digits, interleave, report, smoke } from "../../tools/bench/harness.ts";
import { encoderOf, encoderWith, onnxEncoder, pareEncoder, type Encoder } from "../peers/encoder.ts";
import { ORT_NODE, onnxWay } from "../peers/onnxruntime.ts";
import { PARE } from "../peers/pare.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";

const shape = smoke
  ? { layers: 1, width: 64, heads: 4, tokens: 16, vocabularySize: 100 }
  : { layers: 6, width: 384, heads: 12, tokens: 128, vocabularySize: 30522 };

joinVectors();
const device = await openWasm();
const whole = encoderOf(shape);
const { model } = await pipeline<{ model: Checkpoint }>()
  .step(heads({ fraction: 0.5, score: "magnitude", even: true }))
  .step(neurons({ fraction: 0.5, score: "random" }))
  .step(width({ fraction: 0.25, score: "magnitude" }))
  .run({ model: whole.model }, { device, registry: createRegistry(...builtIn) });
const pruned = encoderWith(whole, model);

async function waysOf(encoder: Encoder): Promise<Record<string, Way>> {
  const ways = {
    [PARE]: pareEncoder(device, encoder, encoder.model),
    [ORT_NODE]: await onnxWay(ORT_NODE, await onnxEncoder(encoder)),
  };
  await expectEqual(ways, PARE, 1e-4);
  return ways;
}

const sizeOf = ({ model }: Encoder): number => [...model.weights.values()].reduce((sum, { bytes }) => sum + bytes, 0);
const flopsOf = ({ graph }: Encoder): number => countFlops(graph, { batch: 1, seq: shape.tokens });
const [bytes, flops] = [sizeOf(pruned) / sizeOf(whole), flopsOf(pruned) / flopsOf(whole)];
console.log(
  `encoder ${shape.layers}×${shape.width} pruned: ${digits(100 * bytes)} % of its bytes, ${digits(100 * flops)} % of its operations`,
);

const named = async (suffix: string, encoder: Encoder): Promise<[string, Way][]> =>
  Object.entries(await waysOf(encoder)).map(([name, way]) => [`${name}${suffix}`, way]);
const ways: Record<string, Way> = Object.fromEntries([...(await named("", whole)), ...(await named(", pruned", pruned))]);
const times = await interleave(runsOf(ways), smoke ? 2 : 41, smoke ? 1 : 10);
for (const name of [PARE, ORT_NODE]) {
  const [before, after] = [times[name]!, times[`${name}, pruned`]!];
  report({
    what: `encoder ${shape.layers}×${shape.width} with ${digits(100 * flops)} % of its operations, ${shape.tokens} tokens, ${name}: times as fast as whole`,
    value: before.median / after.median,
    fastest: before.fastest / after.fastest,
    unit: "×",
    target: smoke ? undefined : { least: Number((0.8 / flops).toFixed(2)) },
    against: `${name}, whole`,
  });
}
