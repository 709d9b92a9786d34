/**
 * Sparse linear layers, weight 3072×768, activations in `[tokens, features]` and their packing included, one thread: ours, with relaxed SIMD
 * and without, beside ONNX Runtime's native dense kernels, f32 and int8, over the densified weights, and our own dense ones. Its f32 kernels
 * run AVX-512 where the processor has it; OpenBLAS on Debian does not, so that it shows what native kernels of the older kind do.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { toBlock, toCsr } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { denseOf, roundActivations, uniform, type Device, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { compare, interleave, smoke, type Times } from "../../tools/bench/harness.ts";
import { prunedWeight, roundedBlocks } from "../../tools/bench/pruned.ts";
import { ORT_NODE, onnxCopies, onnxInt8Linear, onnxLinear, onnxWay, withoutCopies } from "../peers/onnxruntime.ts";
import { OPENBLAS, openBlas } from "../peers/openblas.ts";
import { pareWeight } from "../peers/pare.ts";
import { expectEqual, runsOf, type Way } from "../peers/way.ts";

const [OUT, FEATURES] = smoke ? [96, 64] : [3072, 768];
const INT8 = `${ORT_NODE}, int8`;

/** Of the native dense f32 and int8 products, at 128 tokens, and of our own dense f32 one for a single token. */
interface Targets {
  readonly native?: number;
  readonly int8?: number;
  readonly ownDense?: number;
}

interface Layer {
  readonly name: string;
  readonly rows: number;
  readonly columns?: number;
  readonly percent: number;
  readonly store: (weight: HostTensor) => StoredWeight;
  readonly relaxed: Targets;
  readonly plain: Targets;
}

const block = (weight: HostTensor): StoredWeight => toBlock(weight, { rows: 4 });
const LAYERS: readonly Layer[] = [
  { name: "4×1", rows: 4, percent: 80, store: block, relaxed: { native: 2.5 }, plain: { native: 1.8 } },
  { name: "4×1", rows: 4, percent: 90, store: block, relaxed: { native: 5, int8: 2, ownDense: 5 }, plain: { native: 3.4, ownDense: 5 } },
  { name: "4×1", rows: 4, percent: 95, store: block, relaxed: { native: 9 }, plain: { native: 6.5 } },
  { name: "unstructured", rows: 1, percent: 90, store: toCsr, relaxed: { native: 2.6 }, plain: { native: 2.6 } },
  { name: "4×2", rows: 4, columns: 2, percent: 90, store: (weight) => toBlock(weight, { rows: 4, columns: 2 }), relaxed: {}, plain: {} },
  { name: "4×2 int8", rows: 4, columns: 2, percent: 90, store: roundedBlocks, relaxed: { int8: 3 }, plain: {} },
];

joinVectors();
const blas = await openBlas();
const devices = [await openWasm({ packs: [sparseWasmPack] }), await openWasm({ packs: [sparseWasmPack], portable: true })];
for (const tokens of [128, 1]) for (const layer of LAYERS) await judge(layer, tokens);
blas?.close();

async function judge(layer: Layer, tokens: number): Promise<void> {
  const shape = [tokens, FEATURES, OUT] as const;
  const x = Float32Array.from(uniform(1, 0, tokens * FEATURES), (value) => 2 * value - 1);
  const weight = prunedWeight({ ...layer, out: OUT, features: FEATURES });
  const values = weight.data as Float32Array;
  const codes = { codes: Int8Array.from(values, (value) => Math.round(254 * value)), scales: new Float32Array(OUT).fill(1 / 254) };
  const stored = layer.store(weight);
  const rounds = layer.name.includes("int8");
  const native: Record<string, Way> = { [ORT_NODE]: await onnxWay(ORT_NODE, onnxLinear(x, values, shape)) };
  if (blas !== undefined && tokens > 1) native[OPENBLAS] = await blas.linear(x, values, shape);
  const int8 = { [INT8]: await onnxWay(ORT_NODE, onnxInt8Linear(x, codes, shape, false)) };
  const ours: Record<string, Way> = {};
  for (const device of devices) {
    ours[sparseName(device)] = pareWeight(device, x, stored, shape, rounds ? roundActivations() : undefined);
    ours[denseName(device)] = pareWeight(device, x, denseOf(weight), shape);
  }
  await expectEqual({ ...native, ...ours }, ORT_NODE, rounds ? 2e-2 : 1e-5);
  await expectEqual({ ...native, ...int8 }, ORT_NODE, 2e-2);
  const copies = { copies: await onnxWay(ORT_NODE, onnxCopies(shape)) };
  const times = await interleave(runsOf({ ...native, ...int8, ...ours, ...copies }), smoke ? 2 : 61, smoke ? 1 : 25);
  const judged: Record<string, Times> = { ...times };
  for (const name of [ORT_NODE, INT8]) judged[name] = withoutCopies(times[name]!, times["copies"]!);
  for (const device of devices) tell(layer, tokens, device, judged);
}

function tell(layer: Layer, tokens: number, device: Device, times: Readonly<Record<string, Times>>): void {
  const given = device.variant === "relaxed-simd" ? layer.relaxed : layer.plain;
  const { native, int8 } = tokens === 1 || smoke ? ({} as Targets) : given;
  const ours = sparseName(device);
  compare({
    what: `${tokens}×${FEATURES}×${OUT}, ${layer.name} ${layer.percent} %, ${device.variant}`,
    times: Object.fromEntries(
      [ORT_NODE, INT8, OPENBLAS, ours, denseName(device)].flatMap((name) => (times[name] === undefined ? [] : [[name, times[name]]])),
    ),
    ours,
    targets: [
      ...(native === undefined ? [] : [{ against: [ORT_NODE], least: native }]),
      ...(int8 === undefined ? [] : [{ against: [INT8], least: int8 }]),
      ...(tokens !== 1 || given.ownDense === undefined || smoke ? [] : [{ against: [denseName(device)], least: given.ownDense }]),
    ],
  });
}

function sparseName({ variant }: Device): string {
  return `pare sparse, ${variant}`;
}

function denseName({ variant }: Device): string {
  return `pare dense, ${variant}`;
}
