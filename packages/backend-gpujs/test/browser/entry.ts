import { conformanceRunner } from "../../../../tools/browser/conformance.ts";
import { addOp } from "@pare/tensor-core";
import { openGpujs, UNSUPPORTED } from "../../src/index.ts";
import { compareModels, type Architecture, type Comparison } from "../models.ts";
import { compareMemory, absoluteTwice } from "../programs.ts";

export const run: (name: string) => Promise<string | undefined> = conformanceRunner({ device: () => openGpujs(), skip: UNSUPPORTED });

export async function compare(name: Architecture): Promise<Comparison> {
  return compareModels(name, await openGpujs());
}

/** Mode and warnings of a device opened as a user would, and whether the page's own `GPU` is what it was. */
export async function open(): Promise<{ variant: string; warnings: string[]; sameGlobal: boolean }> {
  const before = (globalThis as { GPU?: unknown }).GPU;
  const warnings: string[] = [];
  const device = await openGpujs({ onWarning: (message) => warnings.push(message) });
  await device.close();
  return { variant: device.variant, warnings, sameGlobal: (globalThis as { GPU?: unknown }).GPU === before };
}

/** Code of the error that a tensor beyond the largest texture meets. */
export async function tooLarge(): Promise<string> {
  const device = await openGpujs();
  const buffer = device.allocate(64);
  const tensor = { dtype: "f32", shape: [2 ** 28], buffer, offset: 0, constant: false } as const;
  try {
    device.prepare([{ op: addOp, attrs: {}, inputs: { a: tensor, b: tensor }, outputs: { y: tensor } }]);
    return "none";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await device.close();
  }
}

export async function memory(seed: number): Promise<number> {
  return compareMemory(await openGpujs(), seed, 40);
}

/** What a program gives that is run again and again, and how many textures there are after each run. */
export async function again(runs: number): Promise<{ found: number[][]; textures: number[] }> {
  const { prototype } = WebGL2RenderingContext;
  const { createTexture, deleteTexture } = prototype;
  let live = 0;
  const textures: number[] = [];
  prototype.createTexture = function () {
    live++;
    return createTexture.call(this);
  };
  prototype.deleteTexture = function (texture) {
    live--;
    deleteTexture.call(this, texture);
  };
  try {
    const found = await absoluteTwice(await openGpujs(), runs, () => textures.push(live));
    return { found, textures };
  } finally {
    Object.assign(prototype, { createTexture, deleteTexture });
  }
}

/** Code of the error that reading meets once the page has lost its context. */
export async function lost(): Promise<string> {
  const contexts: WebGL2RenderingContext[] = [];
  const { prototype } = HTMLCanvasElement;
  const { getContext } = prototype;
  prototype.getContext = function (this: HTMLCanvasElement, ...args: [string]) {
    const context = getContext.apply(this, args);
    if (context instanceof WebGL2RenderingContext) contexts.push(context);
    return context;
  } as typeof getContext;
  try {
    const device = await openGpujs();
    const buffer = device.allocate(128);
    const tensor = (offset: number) => ({ dtype: "f32", shape: [3], buffer, offset, constant: false }) as const;
    await device.prepare([{ op: addOp, attrs: {}, inputs: { a: tensor(0), b: tensor(0) }, outputs: { y: tensor(64) } }]).run();
    for (const context of contexts) context.getExtension("WEBGL_lose_context")?.loseContext();
    return await device.read(buffer, 64, 12).then(
      () => "none",
      (error: { readonly code?: string }) => error.code ?? String(error),
    );
  } finally {
    prototype.getContext = getContext;
  }
}
