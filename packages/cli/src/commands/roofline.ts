/** `pare roofline`: where sparse layers would win on hardware that is not here, by a model that names what it rests on. */
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { number } from "../flags.ts";
import { digits, printResult, table } from "../output.ts";

const SPARSITIES = [0.5, 0.8, 0.9, 0.95, 0.99];

interface Flags {
  readonly tokens: number;
  readonly features: number;
  readonly out: number;
}

export function registerRoofline(program: Command, cli: Cli): void {
  program
    .command("roofline")
    .description(
      "model where a sparse linear layer beats a dense one on named hardware (CPU, GPU, IPU); the chooser measures it on this machine",
    )
    .option("--tokens <n>", "rows of activations", number("--tokens", { integer: true, min: 1 }), 128)
    .option("--features <n>", "inputs of the layer", number("--features", { integer: true, min: 1 }), 768)
    .option("--out <n>", "outputs of the layer", number("--out", { integer: true, min: 1 }), 3072)
    .action(async (shape: Flags) => {
      const { HARDWARE, crossover, isModelled, predict } = await import("@pare/sparse-kernels");
      const rows = HARDWARE.flatMap((hardware) =>
        (["unstructured", "block"] as const).flatMap((layout) => {
          const rate = hardware[layout];
          if (rate === undefined) return [];
          const speedups = SPARSITIES.map((sparsity) => predict(hardware, layout, shape, 1 - sparsity)!.speedup);
          const basis = isModelled(hardware, rate) ? "modelled" : "measured";
          return [{ hardware, layout, crossover: crossover(hardware, layout, shape), speedups, basis }];
        }),
      );
      printResult(cli.terminal, cli.json, { shape, sparsities: SPARSITIES, rows }, () =>
        [
          table(
            ["hardware", "layout", "wins from", ...SPARSITIES.map((sparsity) => `at ${100 * sparsity} %`), "basis"],
            rows.map(({ hardware, layout, crossover, speedups, basis }) => [
              hardware.id,
              layout,
              crossover === undefined ? "never" : `${digits(100 * crossover, 3)} %`,
              ...speedups.map((speedup) => `${digits(speedup, 3)}×`),
              basis,
            ]),
          ),
          "",
          ...rows.map(({ hardware, layout }) => `${hardware.id} ${layout}: ${sourcesOf(hardware.dense, hardware[layout]!)}`),
        ].join("\n"),
      );
    });
}

interface Sourced {
  readonly basis: string;
  readonly source: string;
}

function sourcesOf(dense: Sourced, sparse: Sourced): string {
  return `dense ${dense.basis} (${dense.source}), sparse ${sparse.basis} (${sparse.source})`;
}
