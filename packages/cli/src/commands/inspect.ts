/** `pare inspect`: what a model is made of and what it takes, from its headers alone. */
import type { Command } from "commander";
import type { Registry } from "@pare/core";
import type { Checkpoint } from "@pare/models";
import type { Cli } from "../cli.ts";
import { number } from "../flags.ts";
import type { Footprint } from "../footprint.ts";
import { bytes, count, printResult, table } from "../output.ts";

interface InspectFlags {
  readonly batch: number;
  readonly seq?: number;
  readonly all?: boolean;
}

/** Weights that the text names, unless all are asked for. */
const LARGEST = 10;

export function registerInspect(program: Command, cli: Cli): void {
  const size = (flag: string): ((text: string) => number) => number(flag, { integer: true, min: 1 });
  program
    .command("inspect")
    .description("show a model's size by storage, its work per token, its memory at run time, config, tokenizer and provenance")
    .argument("<model>", "folder or file of a model")
    .option("--batch <n>", "rows that memory is planned for", size("--batch"), 1)
    .option("--seq <n>", "tokens per row; without it 128, or the context length where that is less", size("--seq"))
    .option("--all", `every weight, not the ${LARGEST} largest alone (--json lists all)`)
    .action((model: string, flags: InspectFlags) => inspect(cli, model, flags));
}

async function inspect(cli: Cli, path: string, flags: InspectFlags): Promise<void> {
  const { terminal, json } = cli;
  const [{ openRegistry }, { openModel }] = await Promise.all([import("../registry.ts"), import("../model.ts")]);
  const { registry } = await openRegistry(terminal.cwd);
  const facts = await describe(await openModel(path, cli, registry), registry, flags);
  printResult(terminal, json, facts, () => print(facts, flags.all === true));
}

interface WeightFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: string;
  readonly bytes: number;
  readonly descriptor: object;
}

interface Facts extends Footprint {
  readonly architecture: string;
  readonly config: object;
  readonly weights: readonly WeightFacts[];
  /** Names, by bytes. */
  readonly largest: readonly string[];
  readonly tokenizer: { readonly vocabularySize: number; readonly special: object } | null;
  readonly provenance: {
    /** null: nobody knows what it was trained on. */
    readonly seen: readonly { readonly data: string; readonly examples: number }[] | null;
    readonly deeds: readonly object[];
    readonly origin?: string | undefined;
  };
}

async function describe(model: Checkpoint, registry: Registry, { batch, seq }: InspectFlags): Promise<Facts> {
  const { footprint } = await import("../footprint.ts");
  const { config, weights, tokenizer, provenance } = model;
  const listed = [...weights].map(([name, { shape, storage, bytes, descriptor }]) => ({ name, shape, storage, bytes, descriptor }));
  return {
    architecture: config.architecture,
    ...(await footprint(model, registry, { batch, seq })),
    config,
    weights: listed,
    largest: byBytes(listed)
      .slice(0, LARGEST)
      .map(({ name }) => name),
    tokenizer: tokenizer === undefined ? null : { vocabularySize: tokenizer.vocabularySize, special: tokenizer.special },
    provenance: {
      seen: provenance.seen?.map(({ data, examples }) => ({ data, examples: examples.length })) ?? null,
      deeds: provenance.deeds,
      origin: provenance.origin,
    },
  };
}

function byBytes(weights: readonly WeightFacts[]): WeightFacts[] {
  return [...weights].sort((a, b) => b.bytes - a.bytes);
}

function print(facts: Facts, all: boolean): string {
  const {
    architecture,
    config,
    parameters,
    parametersWithoutEmbeddings,
    bytes: size,
    storages,
    run,
    weights,
    tokenizer,
    provenance,
  } = facts;
  const { seen, deeds, origin } = provenance;
  const { memory } = run;
  const shown = all ? weights : byBytes(weights).slice(0, LARGEST);
  return [
    `${architecture}, ${count(parameters)} parameters (${count(parametersWithoutEmbeddings)} without embeddings), ${bytes(size)}`,
    `${count(run.flopsPerToken)} FLOPs per token over ${run.seq} tokens`,
    `memory for ${run.batch} × ${run.seq} tokens: ${bytes(memory.total)} (weights ${bytes(memory.weights)}, between them ${bytes(memory.arena)}` +
      `${memory.cache === 0 ? "" : `, keys and values ${bytes(memory.cache)}`})`,
    JSON.stringify(config),
    table(
      ["storage", "weights", "parameters", "bytes"],
      storages.map((one) => [one.storage, one.weights, count(one.parameters), bytes(one.bytes)]),
    ),
    table(
      [shown.length < weights.length ? `the ${shown.length} largest of ${weights.length} weights` : "weight", "shape", "storage", "bytes"],
      shown.map((weight) => [weight.name, weight.shape.join(" × "), weight.storage, bytes(weight.bytes)]),
    ),
    tokenizer === null ? "no tokenizer" : `tokenizer of ${count(tokenizer.vocabularySize)} pieces`,
    `trained on: ${seen === null ? "nobody knows" : seen.map(({ data, examples }) => `${data} (${count(examples)} examples)`).join(", ") || "nothing"}`,
    `done to it: ${deeds.map((deed) => JSON.stringify(deed)).join(", ") || "nothing"}`,
    ...(origin === undefined ? [] : [`origin: ${origin}`]),
  ].join("\n");
}
