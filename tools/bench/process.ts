/** A bench as a process of its own that tells its figures over the channel of `fork`. */
import { fork } from "node:child_process";
import type { Figure } from "./harness.ts";

export interface Outcome {
  readonly bench: string;
  readonly seconds: number;
  readonly code: number | null;
  readonly figures: readonly Figure[];
}

export interface BenchRun {
  readonly bench: string;
  readonly path: string;
  readonly smoke: boolean;
  /** Another Node than this one; it runs JavaScript that needs no conditions. */
  readonly node?: string | undefined;
}

export async function runBench({ bench, path, smoke, node }: BenchRun): Promise<Outcome> {
  console.log(`\n== ${bench}`);
  const figures: Figure[] = [];
  const begin = performance.now();
  const child = fork(
    path,
    smoke ? ["--smoke"] : [],
    node === undefined ? { execArgv: ["--conditions=@pare/source"] } : { execArgv: [], execPath: node },
  );
  child.on("message", (figure) => figures.push(figure as Figure));
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  return { bench, seconds: (performance.now() - begin) / 1000, code, figures };
}
