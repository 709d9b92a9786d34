/** A product and a forward pass on this backend and on wasm, in turn; runs in Node and in a page. */
import { openWasm } from "@pare/backend-wasm";
import { createModel, llama, llamaConfig, openSession } from "@pare/models";
import { linearOp, type Device, type PlannedTensor } from "@pare/tensor-core";
import { openGpujs } from "../../src/index.ts";

export interface Work {
  /** Tokens, features, outputs of the product. */
  readonly product: readonly [number, number, number];
  readonly model: { readonly hiddenSize: number; readonly layers: number; readonly tokens: number };
  readonly rounds: number;
}

export interface Measured {
  /** The mode in which gpu.js ran. */
  readonly mode: string;
  /** The driver, where there is a GPU or one is imitated. */
  readonly renderer: string | undefined;
  /** Milliseconds of the fastest round, here and on wasm. */
  readonly product: readonly [number, number];
  readonly forward: readonly [number, number];
}

export async function measure({ product, model, rounds }: Work): Promise<Measured> {
  const gpujs = await openGpujs({ onWarning: () => undefined });
  const devices = [gpujs, await openWasm()] as const;
  const products = devices.map((device) => productOn(device, product));
  const forwards = devices.map((device) => forwardOn(device, model));
  const measured = {
    mode: gpujs.variant,
    renderer: rendererOf(),
    product: await fastest(products, rounds),
    forward: await fastest(forwards, rounds),
  };
  for (const device of devices) await device.close();
  return measured;
}

/** With the result read back: without, a GPU has only been told what to do. */
function productOn(device: Device, [tokens, features, outputs]: Work["product"]): () => Promise<unknown> {
  const place = (rows: number, columns: number, constant: boolean): PlannedTensor => {
    const buffer = device.allocate(4 * rows * columns);
    device.write(
      buffer,
      Float32Array.from({ length: rows * columns }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5),
    );
    return { dtype: "f32", shape: [rows, columns], buffer, offset: 0, constant };
  };
  const [x, weight, y] = [place(tokens, features, true), place(outputs, features, true), place(tokens, outputs, false)];
  const program = device.prepare([{ op: linearOp, attrs: { activation: "none" }, inputs: { x, weight }, outputs: { y } }]);
  return async () => {
    await program.run();
    await device.read(y.buffer, 0, y.buffer.bytes);
  };
}

function forwardOn(device: Device, { hiddenSize, layers, tokens }: Work["model"]): () => Promise<unknown> {
  const shape = { vocabularySize: 512, contextLength: tokens, hiddenSize, layers, heads: 8, keyValueHeads: 4, feedForward: 3 * hiddenSize };
  const model = createModel(llama.define, llamaConfig(shape), { seed: 1 });
  const session = openSession(model, { device, architecture: llama.define });
  const row = Array.from({ length: tokens }, (_, i) => (i * 7) % 512);
  return () => session.forward({ tokens: [row] });
}

async function fastest(ways: readonly (() => Promise<unknown>)[], rounds: number): Promise<[number, number]> {
  const best = ways.map(() => Infinity);
  for (let round = -1; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      const begin = performance.now();
      await way();
      if (round >= 0) best[index] = Math.min(best[index]!, performance.now() - begin);
    }
  }
  return best as [number, number];
}

function rendererOf(): string | undefined {
  if (typeof document === "undefined") return undefined;
  const context = document.createElement("canvas").getContext("webgl2");
  const details = context?.getExtension("WEBGL_debug_renderer_info");
  return details == null ? undefined : String(context!.getParameter(details.UNMASKED_RENDERER_WEBGL));
}
