/** Text that stories260K writes itself, sampled at temperature 1: what it retrains on beside the calibration stories. */
import { writeFileSync } from "node:fs";
import { createRegistry } from "../../packages/core/src/index.ts";
import { folderFiles } from "../../packages/core/src/node.ts";
import { wasmBackend } from "../../packages/backend-wasm/src/index.ts";
import { builtIn, loadCheckpoint, openSession } from "../../packages/models/src/index.ts";

export interface OwnText {
  /** Folder of the model. */
  readonly model: string;
  readonly stories: number;
  /** Tokens per story, begin token counted. */
  readonly maxTokens: number;
  /** Where the stories go, one after the other with `separator` between. */
  readonly file: string;
  readonly separator: string;
}

/** Stories per pass: their caches fit in the processor's. */
const BATCH = 64;

/** Writes the stories; gives how many tokens they have. Same counts, same text. */
export async function writeOwnText({ model, stories, maxTokens, file, separator }: OwnText): Promise<number> {
  const registry = createRegistry(...builtIn);
  const checkpoint = await loadCheckpoint(folderFiles(model), registry as never);
  const device = (await wasmBackend.open({ threads: 1 }))!;
  const session = openSession(checkpoint, { device, registry });
  const tokenizer = checkpoint.tokenizer!;
  const rows: number[][] = [];
  try {
    for (let at = 0; at < stories; at += BATCH) {
      const written = Array.from({ length: Math.min(BATCH, stories - at) }, () => [tokenizer.special.begin!]);
      const request = { prompts: written.map((row) => [...row]), maxTokens: maxTokens - 1, temperature: 1, seed: at };
      for await (const step of session.generate(request)) {
        for (const [row, token] of step.entries()) if (token !== undefined) written[row]!.push(token);
      }
      rows.push(...written.filter((row) => row.length > 2));
    }
  } finally {
    await session.dispose();
    await device.close();
  }
  writeFileSync(file, rows.map((row) => tokenizer.decode(row).trim()).join(separator));
  return rows.reduce((sum, { length }) => sum + length, 0);
}
