/**
 * A forward pass of an encoder of BERT-base's shape (12 layers, width 768, 12 heads), 128 tokens, batch 1, one thread: ours with nine tenths
 * of the 4×1 blocks of its feed-forward and projection weights pruned, ours dense, and ONNX Runtime dense, native and in WebAssembly.
 * Pruned are random weights by their magnitude: what is computed does not depend on which.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { createRegistry, type Context } from "@pare/core";
import { builtIn } from "@pare/models";
import { magnitude } from "@pare/prune";
import { blockStorage, csrStorage, measuredChooser } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { compare, interleave, sharesOf, smoke, timedByOp } from "../../tools/bench/harness.ts";
import { apart } from "../peers/apart.ts";
import { encoderOf, onnxEncoder, pareEncoder } from "../peers/encoder.ts";
import { ORT_NODE, ORT_WEB, onnxWay } from "../peers/onnxruntime.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";

const shape = smoke
  ? { layers: 1, width: 64, heads: 4, tokens: 16, vocabularySize: 100 }
  : { layers: 12, width: 768, heads: 12, tokens: 128, vocabularySize: 30522 };
const [SPARSE, DENSE] = ["pare, 4×1 at 90 %", "pare, dense"];

const encoder = encoderOf(shape);
joinVectors();
const device = await openWasm({ packs: [sparseWasmPack] });
const registry = createRegistry(...builtIn, blockStorage, csrStorage);
const context: Context = { seed: 0, signal: new AbortController().signal, registry, device, emit: () => {} };
const stage = magnitude({ sparsity: 0.9, pattern: "4x1", storage: "sparse" });
const { model: pruned } = await stage.run({ model: encoder.model }, context);
const chooser = measuredChooser({ device });
const work = await onnxEncoder(encoder);
const ways: Record<string, Way> = {
  [DENSE]: pareEncoder(device, encoder, encoder.model),
  [ORT_NODE]: await onnxWay(ORT_NODE, work),
  [ORT_WEB]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, work),
};
await expectEqual(ways, DENSE, 1e-4);
const sparse = { [SPARSE]: pareEncoder(device, encoder, pruned, chooser) };
const densified = { densified: pareEncoder(device, encoder, pruned, async () => ({ candidate: undefined, why: "to check" })) };
await expectEqual({ ...sparse, ...densified }, SPARSE, 1e-4);
const times = await interleave(runsOf({ ...ways, ...sparse }), smoke ? 2 : 21, smoke ? 1 : 5);
compare({
  what: `encoder ${shape.layers}×${shape.width}, ${shape.tokens} tokens, batch 1, ${device.variant}, pruned`,
  times,
  ours: SPARSE,
  targets: smoke
    ? []
    : [
        { against: [ORT_NODE], least: 2 },
        { against: [ORT_WEB], least: 5 },
      ],
});
const spent = new Map<string, number>();
const timed = pareEncoder(timedByOp(device, spent), encoder, pruned, chooser);
await timed.run();
spent.clear();
for (let round = 0; round < 5; round++) await timed.run();
console.log(`  by op: ${sharesOf(spent)}`);
