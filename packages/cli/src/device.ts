/** `--device`: which backend runs the work. */
import type { Command } from "commander";
import { number } from "./flags.ts";
import { STORE_FOLDER } from "./names.ts";

export interface DeviceFlags {
  readonly device: string;
  readonly portable?: boolean;
  readonly threads?: number;
}

export interface RunFlags extends DeviceFlags {
  readonly store: string;
  readonly roundActivations?: boolean;
}

export function withDevice(command: Command): Command {
  return command
    .option("--device <id>", "backend that runs the work; `pare plugins` lists all", "wasm")
    .option("--portable", "plain SIMD alone, so that every machine gives the same bytes")
    .option(
      "--threads <n>",
      "threads that share the work, 1 without it; the result is the same",
      number("--threads", { integer: true, min: 1, max: 64 }),
    );
}

/** For commands that run a model: how its weights run. */
export function withChooser(command: Command): Command {
  return withDevice(command)
    .option("--store <folder>", "keeps the timings that choose between dense and sparse", STORE_FOLDER)
    .option(
      "--round-activations",
      "an approximation, for speed: activations become int8 where they meet quantized weights, f16 where they meet weights of f16 and the device computes in f16",
    );
}
