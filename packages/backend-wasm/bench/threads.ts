/* oxlint-disable unicorn/require-post-message-target-origin -- workers have no origin */
/**
 * How far two threads get on this machine: what its two cores reach together (a spin loop, then two devices of one thread each on
 * the same product), and what one device reaches with 2 threads. Ratios to one alone, in rounds that take turns.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/threads.ts [rounds] [--smoke]
 */
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { linearOp, type Device, type PlannedTensor } from "@pare/tensor-core";
import { interleave, numbers, report, smoke, type Times } from "../../../tools/bench/harness.ts";
import { openWasm } from "../src/index.ts";

const [TOKENS, FEATURES, OUT] = [128, 768, 3072];
const PRODUCTS = smoke ? 1 : 12;

if (isMainThread) await compare(numbers[0] ?? (smoke ? 2 : 15));
else await serve();

async function compare(rounds: number): Promise<void> {
  const others = await Promise.all(["a", "b"].map(startWorker));
  const [one, two] = await Promise.all([openWasm(), openWasm({ threads: 2 })]);
  const together = (work: string, workers: readonly Worker[]) => async (): Promise<void> => {
    for (const worker of workers) worker.postMessage(work);
    await Promise.all(workers.map((worker) => once(worker, "message")));
  };
  const times = await interleave(
    {
      spin: together("spin", others.slice(1)),
      spins: together("spin", others),
      product: together("product", others.slice(1)),
      products: together("product", others),
      alone: productsOn(one),
      shared: productsOn(two),
    },
    rounds,
  );
  const compared = (what: string, work: number, before: Times, after: Times): void =>
    report({ what, value: (work * before.median) / after.median, fastest: (work * before.fastest) / after.fastest, unit: "of one" });
  const shape = `${TOKENS}×${FEATURES}×${OUT}`;
  compared("two spin loops at once", 2, times.spin, times.spins);
  compared(`${shape} on two devices at once`, 2, times.product, times.products);
  compared(`${shape} on one device with 2 threads`, 1, times.alone, times.shared);
  const scaling = (by: keyof Times): number => (times.alone[by] * times.products[by]) / (2 * times.product[by] * times.shared[by]);
  report({
    what: `${shape} with 2 threads, against what two devices reach at once`,
    value: scaling("median"),
    fastest: scaling("fastest"),
    unit: "×",
    target: { least: 0.85 },
  });
  for (const worker of others) await worker.terminate();
  await Promise.all([one.close(), two.close()]);
}

async function startWorker(): Promise<Worker> {
  const worker = new Worker(new URL(import.meta.url), { workerData: "bench" });
  await once(worker, "message");
  return worker;
}

async function serve(): Promise<void> {
  const product = productsOn(await openWasm());
  parentPort!.on("message", async (work: string) => {
    if (work === "spin") spin();
    else await product();
    parentPort!.postMessage(workerData);
  });
  parentPort!.postMessage("ready");
}

function spin(): number {
  let x = 1;
  for (let i = 0; i < (smoke ? 1e5 : 5e7); i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

function productsOn(device: Device): () => Promise<void> {
  const [x, weight, y] = [place(device, [TOKENS, FEATURES]), place(device, [OUT, FEATURES]), place(device, [TOKENS, OUT])];
  const program = device.prepare([{ op: linearOp, attrs: { activation: "none" }, inputs: { x, weight }, outputs: { y } }]);
  return async () => {
    for (let i = 0; i < PRODUCTS; i++) await program.run();
  };
}

function place(device: Device, shape: readonly [number, number]): PlannedTensor {
  const buffer = device.allocate(4 * shape[0] * shape[1]);
  device.write(buffer, new Float32Array(shape[0] * shape[1]).fill(0.5));
  return { dtype: "f32", shape, buffer, offset: 0, constant: false };
}
