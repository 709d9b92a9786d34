import { conformanceRunner } from "../../../../tools/browser/conformance.ts";
import { openWebgpu } from "../../src/index.ts";

export const run: (name: string) => Promise<string | undefined> = conformanceRunner({ device: () => openWebgpu() });
