import { conformanceRunner } from "../../../../tools/browser/conformance.ts";
import { openWebgpu, unsupported, type WebgpuDevice } from "../../src/index.ts";

let opened: Promise<WebgpuDevice> | undefined;
const device = (): Promise<WebgpuDevice> => (opened ??= openWebgpu());

export const run: (name: string) => Promise<string | undefined> = conformanceRunner({ device });

/** Ops that this page's adapter has no kernel for, with the reasons. */
export const left = async (): Promise<Readonly<Record<string, string>>> => unsupported((await device()).features);
