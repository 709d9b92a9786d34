/** Run by Deno: conformance and models on its adapter, told as one line of JSON. */
import { isPareError } from "../../packages/core/src/index.ts";
import { SPARSE_OPS } from "../../packages/sparse-kernels/src/index.ts";
import { sparseWebgpuPack } from "../../packages/sparse-kernels/src/webgpu/index.ts";
import { f32, linearF16Op, toF16, uniform } from "../../packages/tensor-core/src/index.ts";
import { checkCase, type ConformanceOptions } from "../../packages/tensor-core/src/testing/index.ts";
import { openWebgpu, unsupported, webgpuUnavailable, type WebgpuDevice } from "../../packages/backend-webgpu/src/index.ts";
import { generated, rounded, step, type Rounded, type Step } from "../../packages/backend-webgpu/test/browser/models-entry.ts";
import { conformanceNames, conformanceRunner } from "../../tools/browser/conformance.ts";

export interface Outcome {
  readonly variant: string;
  /** Ops that the adapter has no kernel for, with the reasons. */
  readonly left: Readonly<Record<string, string>>;
  /** By name of a test that failed. */
  readonly faults: Readonly<Record<string, string>>;
  /** The same of the ops of sparse weights. */
  readonly sparseFaults: Readonly<Record<string, string>>;
  readonly steps: Readonly<Record<string, Step>>;
  readonly tokens: Readonly<Record<string, readonly (readonly (number | undefined)[])[]>>;
  readonly rounded: Rounded;
}

/** Tests at a time: Deno looks only now and then whether the device is done. */
const LANES = 16;

async function faultsOf(device: WebgpuDevice, options: Omit<ConformanceOptions, "device">): Promise<Record<string, string>> {
  const run = conformanceRunner({ ...options, device: () => Promise.resolve(device) });
  const names = conformanceNames(options);
  const faults: Record<string, string> = {};
  const runAll = async (queue: string[]): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const fault = await run(name);
      if (fault !== undefined) faults[name] = fault;
    }
  };
  const ordered = (name: string): boolean => name.startsWith("device: ");
  await runAll(names.filter(ordered));
  const cases = names.slice(0, -1).filter((name) => !ordered(name));
  await Promise.all(Array.from({ length: LANES }, () => runAll(cases)));
  await runAll(names.slice(-1));
  return faults;
}

/** So many rows and columns that products take large tiles, which no case of the suite does. Throws `tensor-core/conformance-failed`. */
async function checkLargeTiles(): Promise<void> {
  const device = await openWebgpu();
  const [tokens, features, rows] = [450, 37, 455];
  const halves = Uint16Array.from(uniform(1, 0, rows * features), (value) => toF16(value - 0.5));
  await checkCase(device, linearF16Op, {
    name: "large tiles",
    inputs: {
      x: f32([tokens, features], uniform(2, 0, tokens * features)),
      halves: { dtype: "u8", shape: [rows, 2 * features], data: new Uint8Array(halves.buffer) },
      largest: f32([1], [0.5]),
    },
    attrs: { features, activation: "none" },
    tolerance: 6e-3,
    why: "sums of 16 products are rounded to 11 bits",
  });
  await device.close();
}

async function outcome(): Promise<Outcome> {
  const device = await openWebgpu();
  const left = unsupported(device.features);
  const faults = await faultsOf(device, { skip: left });
  if (!(linearF16Op.name in left)) await checkLargeTiles();
  const sparseFaults = await faultsOf(await openWebgpu({ packs: [sparseWebgpuPack] }), { ops: SPARSE_OPS });
  const models = ["llama", "encoder-decoder"];
  const steps: Record<string, Step> = {};
  const tokens: Record<string, readonly (readonly (number | undefined)[])[]> = {};
  for (const name of models) {
    steps[name] = await step(name);
    tokens[name] = await generated(name);
  }
  return { variant: device.variant, left, faults, sparseFaults, steps, tokens, rounded: await rounded() };
}

try {
  console.log(JSON.stringify(await outcome()));
} catch (error) {
  if (!isPareError(error) || error.code !== webgpuUnavailable.code) throw error;
  console.log("null");
}
