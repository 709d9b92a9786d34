import { conformanceRunner } from "../../../../tools/browser/conformance.ts";
import { openWasm, UNSUPPORTED } from "../../src/index.ts";

export const run: (name: string) => Promise<string | undefined> = conformanceRunner({ device: () => openWasm(), skip: UNSUPPORTED });
