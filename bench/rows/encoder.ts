/**
 * A forward pass of an encoder of MiniLM's shape (6 layers, width 384, 12 heads, feed-forward 1536), 128 tokens, batch 1, one thread:
 * ours, and ONNX Runtime over the same weights as this project's own writer exports them.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { compare, interleave, smoke } from "../../tools/bench/harness.ts";
import { apart } from "../peers/apart.ts";
import { encoderOf, onnxEncoder, pareEncoder } from "../peers/encoder.ts";
import { ORT_NODE, ORT_WEB, onnxWay } from "../peers/onnxruntime.ts";
import { PARE } from "../peers/pare.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";

const shape = smoke
  ? { layers: 1, width: 64, heads: 4, tokens: 16, vocabularySize: 100 }
  : { layers: 6, width: 384, heads: 12, tokens: 128, vocabularySize: 30522 };

const encoder = encoderOf(shape);
joinVectors();
const device = await openWasm();
const work = await onnxEncoder(encoder);
const ways: Record<string, Way> = {
  [PARE]: pareEncoder(device, encoder, encoder.model),
  [ORT_WEB]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, work),
  [ORT_NODE]: await onnxWay(ORT_NODE, work),
};
await expectEqual(ways, PARE, 1e-4);
const times = await interleave(runsOf(ways), smoke ? 2 : 31, smoke ? 1 : 10);
compare({
  what: `encoder ${shape.layers}×${shape.width}, ${shape.tokens} tokens, batch 1, ${device.variant}`,
  times,
  ours: PARE,
  targets: smoke ? [] : [{ against: [ORT_WEB], least: 1.7 }],
});
