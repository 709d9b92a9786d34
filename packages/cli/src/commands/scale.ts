/** `pare scale fit`: a law of losses from a CSV of training runs. */
import type { Command } from "commander";
import { computeOptimal, fitChinchilla, readObservations, type Allocation, type ChinchillaFit } from "@pare/scaling-laws";
import type { Cli } from "../cli.ts";
import { number, pairs, readNamed } from "../flags.ts";
import { digits, printResult, table } from "../output.ts";

interface FitFlags {
  readonly params: string;
  readonly tokens?: string;
  readonly flops?: string;
  readonly loss: string;
  readonly where?: Record<string, string>;
  readonly dropHighest?: number;
  readonly delta?: number;
  readonly draws?: number;
  readonly level?: number;
  readonly seed: number;
  readonly budget?: number;
}

export function registerScale(program: Command, cli: Cli): void {
  const scale = program.command("scale").description("scaling laws");
  scale
    .command("fit")
    .description("fit L(N, D) = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022) to training runs, with bootstrap intervals")
    .argument("<csv>", "file with a header line and one training run per line")
    .requiredOption("--params <column>", "column of N, the parameters")
    .option("--tokens <column>", "column of D, the training tokens")
    .option("--flops <column>", "column of C, the training FLOPs; then D = C/(6N)")
    .requiredOption("--loss <column>", "column of the final loss, nats per token")
    .option("--where <column=value>", "only lines that hold this value; may be repeated", pairs("--where"))
    .option("--drop-highest <n>", "leave out the n lines of the highest losses", number("--drop-highest", { integer: true, min: 0 }))
    .option("--delta <d>", "delta of the Huber loss on log L (default: 0.001)", number("--delta", { above: 0 }))
    .option("--draws <n>", "bootstrap draws (default: 1000; 0: no intervals)", number("--draws", { integer: true, min: 0, max: 1_000_000 }))
    .option("--level <p>", "coverage of the intervals (default: 0.95)", number("--level", { above: 0, max: 0.9999 }))
    .option(
      "--budget <flops>",
      "also give the compute-optimal parameters and tokens for this many training FLOPs",
      number("--budget", { above: 0 }),
    )
    .option("--seed <n>", "seed of the bootstrap", number("--seed", { integer: true, min: 0 }), 0)
    .action((csv: string, flags: FitFlags) => fit(cli, csv, flags));
}

async function fit(cli: Cli, csv: string, flags: FitFlags): Promise<void> {
  const { params, tokens, flops, loss, where, dropHighest, delta, draws, level, seed, budget } = flags;
  const text = await readNamed(cli.terminal, "<csv>", csv);
  const runs = readObservations(text, { file: csv, params, tokens, flops, loss, where, dropHighest });
  const fitted = await fitChinchilla(runs, {
    delta,
    draws,
    level,
    seed,
    signal: cli.terminal.signal,
    onProgress: (done, total) => cli.progress.show({ done, total, unit: "descents" }),
  });
  cli.progress.stop();
  const optimum = budget === undefined ? undefined : computeOptimal(fitted.fit, budget);
  printResult(cli.terminal, cli.json, { ...fitted, optimum }, () => describe(fitted, optimum));
}

function describe({ fit, intervals, standardErrors, bootstrap, n }: ChinchillaFit, optimum: Allocation | undefined): string {
  const names = ["E", "A", "B", "alpha", "beta"] as const;
  const { draws, level } = bootstrap;
  const rows = names.map((name) => {
    const interval = intervals[name];
    return interval === undefined
      ? [name, digits(fit[name])]
      : [name, digits(fit[name]), ...interval.map((end) => digits(end, 4)), digits(standardErrors[name]!, 3)];
  });
  const head = draws === 0 ? ["", "fit"] : ["", "fit", `${100 * level} % from`, "to", "standard error"];
  const parts = [table(head, rows), `${n} runs, summed Huber loss ${digits(fit.objective, 6)}, ${draws} bootstrap draws`];
  if (optimum !== undefined) {
    parts.push(
      `best split: ${digits(optimum.params, 4)} parameters, ${digits(optimum.tokens, 4)} tokens, expected loss ${digits(optimum.loss, 4)}`,
    );
  }
  return parts.join("\n");
}
