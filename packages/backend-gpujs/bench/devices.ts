/**
 * A product and a forward pass through gpu.js beside wasm, in Node and, where there is a Chromium, in a page: fastest rounds, with the
 * mode that gpu.js really ran in and the driver's name. A driver named SwiftShader or llvmpipe imitates a GPU on the CPU.
 *
 *     node --conditions=@pare/source packages/backend-gpujs/bench/devices.ts [rounds] [--smoke]
 */
import { join } from "node:path";
import { chromium, openPage } from "../../../tools/browser/page.ts";
import { numbers, report, smoke } from "../../../tools/bench/harness.ts";
import { measure, type Measured, type Work } from "./page/measure.ts";

const work: Work = {
  product: smoke ? [16, 32, 48] : [128, 512, 512],
  model: smoke ? { hiddenSize: 32, layers: 1, tokens: 8 } : { hiddenSize: 128, layers: 2, tokens: 64 },
  rounds: numbers[0] ?? (smoke ? 1 : 5),
};

print("Node", await measure(work));
if (chromium !== undefined) {
  const page = await openPage(join(import.meta.dirname, "page/measure.ts"));
  try {
    print("Chromium", await page.call<Measured>("measure", work));
  } finally {
    await page.close();
  }
}

function print(where: string, { mode, renderer, product, forward }: Measured): void {
  const { hiddenSize, layers, tokens } = work.model;
  const ways = { [`product ${work.product.join("×")}`]: product, [`forward, ${layers}×${hiddenSize}, ${tokens} tokens`]: forward };
  const how = `gpu.js as ${mode}${renderer === undefined ? "" : ` on ${renderer}`}`;
  for (const [what, [here, wasm]] of Object.entries(ways)) {
    report({ what: `${where}, ${what}: ${how}`, value: here, unit: "ms" });
    report({ what: `${where}, ${what}: wasm`, value: wasm, unit: "ms" });
    report({ what: `${where}, ${what}: time of gpu.js`, value: here / wasm, unit: "of wasm" });
  }
}
