/**
 * f32 products of a dense layer, x·Wᵀ, packing of activations included, one thread: ours, the JavaScript peers, ONNX Runtime's native
 * kernels and OpenBLAS, taking turns. Under Node 20 the same without relaxed SIMD. Shapes: every product of `shapes/*.json`.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { uniform } from "@pare/tensor-core";
import { compare, interleave, smoke } from "../../tools/bench/harness.ts";
import { apart } from "../peers/apart.ts";
import { JAX, jaxLinear } from "../peers/jax.ts";
import { ORT_NODE, ORT_WEB, onnxCopies, onnxLinear, onnxWay, withoutCopies } from "../peers/onnxruntime.ts";
import { OPENBLAS, openBlas } from "../peers/openblas.ts";
import { narrowLinear, PARE, pareLinear } from "../peers/pare.ts";
import { TFJS, tfjsLinear } from "../peers/tfjs.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";
import { productsOf } from "../shapes.ts";

/** Judged: shapes of BERT-base that the project's aims name. */
const JUDGED = ["128×768×768", "128×768×3072"];
const NARROW = `${PARE}, 128 bits`;
const NODE_20 = process.version.startsWith("v20.");
const LEAST = NODE_20 ? 1.25 : 1.8;
const engine = NODE_20 ? ", Node 20" : "";

joinVectors();
const device = await openWasm();
const blas = NODE_20 ? undefined : await openBlas();
console.log(`pare: ${device.variant}, vectors of ${device.vectors} bits; ${blas === undefined ? "no OpenBLAS here" : blas.version}`);
for (const { shape, models } of productsOf(smoke)) {
  const [m, k, n] = shape as [number, number, number];
  const label = shape.join("×");
  const judged = JUDGED.includes(label);
  if (NODE_20 && !judged && !smoke) continue;
  const [x, weight] = [1, 2].map((stream) =>
    Float32Array.from(uniform(stream, 0, stream === 1 ? m * k : n * k), (value) => value - 0.5),
  ) as [Float32Array, Float32Array];
  const ways: Record<string, Way> = {
    [PARE]: pareLinear(device, x, weight, shape),
    [NARROW]: await apart("peers/pare.ts", narrowLinear, x, weight, shape),
    [ORT_WEB]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, onnxLinear(x, weight, shape)),
    [TFJS]: await apart("peers/tfjs.ts", tfjsLinear, x, weight, shape),
    [JAX]: await apart("peers/jax.ts", jaxLinear, x, weight, shape, false),
    [`${JAX}, turned`]: await apart("peers/jax.ts", jaxLinear, x, weight, shape, true),
    [ORT_NODE]: await onnxWay(ORT_NODE, onnxLinear(x, weight, shape)),
    ...(blas === undefined ? {} : { [OPENBLAS]: await blas.linear(x, weight, shape) }),
  };
  await expectEqual(ways, PARE, 1e-5);
  const copies = {
    [ORT_WEB]: await apart("peers/onnxruntime.ts", onnxWay, ORT_WEB, onnxCopies(shape)),
    [ORT_NODE]: await onnxWay(ORT_NODE, onnxCopies(shape)),
  };
  const work = (2 * m * k * n) / 1e6;
  const runs = { ...runsOf(ways), ...Object.fromEntries(Object.entries(copies).map(([name, { run }]) => [`${name}, copies`, run])) };
  const rounds = smoke ? 2 : judged ? 61 : Math.max(7, Math.min(31, Math.ceil(20_000 / work)));
  const { [`${ORT_WEB}, copies`]: web, [`${ORT_NODE}, copies`]: native, ...times } = await interleave(runs, rounds, smoke ? 1 : 25);
  times[ORT_WEB] = withoutCopies(times[ORT_WEB]!, web!);
  times[ORT_NODE] = withoutCopies(times[ORT_NODE]!, native!);
  compare({
    what: `f32 GEMM ${label}${engine} (${models.join(", ")})`,
    times,
    ours: PARE,
    work,
    unit: "GFLOP/s",
    targets: judged
      ? [{ against: [ORT_WEB, TFJS, JAX, `${JAX}, turned`], least: LEAST }, ...(NODE_20 ? [] : [{ against: [OPENBLAS], least: 0.5 }])]
      : [],
  });
}
blas?.close();
