/** `--device`: which backend runs the work. */
import type { Command } from "commander";

export interface DeviceFlags {
  readonly device: string;
  readonly portable?: boolean;
}

export function withDevice(command: Command): Command {
  return command
    .option("--device <id>", "backend that runs the work; `pare plugins` lists all", "wasm")
    .option("--portable", "plain SIMD alone, so that every machine gives the same bytes");
}
