/**
 * Linear layers over int8 weights, f32 in and out with the activations rounded to 8 bits on the way, one thread: ours and ONNX Runtime's,
 * and beside them its integer product alone, of activations that are rounded already and sums that stay integers.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { uniform } from "@pare/tensor-core";
import { compare, interleave, smoke } from "../../tools/bench/harness.ts";
import { apart } from "../peers/apart.ts";
import { ORT_NODE, ORT_WEB, onnxCopies, onnxInt8Linear, onnxIntegerProduct, onnxWay, withoutCopies } from "../peers/onnxruntime.ts";
import { narrowInt8Linear, PARE, pareInt8Linear } from "../peers/pare.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";

const SHAPES: readonly (readonly [number, number, number])[] = smoke
  ? [[16, 64, 96]]
  : [
      [128, 768, 768],
      [128, 768, 3072],
    ];

const NARROW = `${PARE}, 128 bits`;
joinVectors();
const device = await openWasm();
for (const shape of SHAPES) {
  const [m, k, n] = shape;
  const x = Float32Array.from(uniform(1, 0, m * k), (value) => 2 * value - 1);
  const weight = {
    codes: Int8Array.from(uniform(2, 0, n * k), (value) => Math.round(254 * value - 127)),
    scales: Float32Array.from(uniform(3, 0, n), (value) => 1e-3 * (1 + value)),
  };
  const rounded = Uint8Array.from(x, (value) => Math.round(127 * value) + 128);
  const layers: Record<string, Way> = {
    [PARE]: pareInt8Linear(device, x, weight, shape),
    [NARROW]: await apart("peers/pare.ts", narrowInt8Linear, x, weight, shape),
    [ORT_WEB]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, onnxInt8Linear(x, weight, shape, true)),
    [`${ORT_WEB}, unsigned`]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, onnxInt8Linear(x, weight, shape, false)),
    [ORT_NODE]: await onnxWay(ORT_NODE, onnxInt8Linear(x, weight, shape, false)),
  };
  // Scales of 8 bits per row and per tensor round differently, by up to half a step each.
  await expectEqual(layers, PARE, 2e-2);
  const products: Record<string, Way> = {
    [`${ORT_WEB}, integer product`]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, onnxIntegerProduct(rounded, weight, shape)),
    [`${ORT_NODE}, integer product`]: await onnxWay(ORT_NODE, onnxIntegerProduct(rounded, weight, shape)),
  };
  const copies = {
    [ORT_WEB]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, onnxCopies(shape)),
    [ORT_NODE]: await onnxWay(ORT_NODE, onnxCopies(shape)),
  };
  const ways = { ...layers, ...products };
  const runs = { ...runsOf(ways), ...Object.fromEntries(Object.entries(copies).map(([name, { run }]) => [`${name}, copies`, run])) };
  const times = await interleave(runs, smoke ? 2 : 61, smoke ? 1 : 25);
  const judged = Object.fromEntries(
    Object.keys(ways).map((name) => {
      const runtime = name.startsWith(PARE) ? undefined : name.startsWith(ORT_WEB) ? ORT_WEB : ORT_NODE;
      return [name, runtime === undefined ? times[name]! : withoutCopies(times[name]!, times[`${runtime}, copies`]!)];
    }),
  );
  compare({
    what: `int8 GEMM ${shape.join("×")}, ${device.variant}`,
    times: judged,
    ours: PARE,
    work: (2 * m * k * n) / 1e6,
    unit: "GOP/s",
    targets: smoke ? [] : [{ against: [ORT_WEB, `${ORT_WEB}, unsigned`], least: 1.2 }],
  });
}
