/** `pare inspect`: what a model is made of, from its headers alone. */
import type { Command } from "commander";
import type { Checkpoint } from "@pare/models";
import type { Cli } from "../cli.ts";
import { bytes, count, printResult, table } from "../output.ts";

export function registerInspect(program: Command, cli: Cli): void {
  program
    .command("inspect")
    .description("show a model's config, weights, storages, tokenizer and provenance, reading headers only")
    .argument("<model>", "folder of a model")
    .action((model: string) => inspect(cli, model));
}

async function inspect({ terminal, json }: Cli, path: string): Promise<void> {
  const [{ openRegistry }, { openModel }] = await Promise.all([import("../registry.ts"), import("../model.ts")]);
  const { registry } = await openRegistry(terminal.cwd);
  const facts = describe(await openModel(path, terminal.cwd, registry));
  printResult(terminal, json, facts, () => print(facts));
}

interface Facts {
  readonly architecture: string;
  readonly config: object;
  readonly parameters: number;
  readonly bytes: number;
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly storage: string;
    readonly bytes: number;
    readonly descriptor: object;
  }[];
  readonly tokenizer: { readonly vocabularySize: number; readonly special: object } | null;
  readonly provenance: {
    /** null: nobody knows what it was trained on. */
    readonly seen: readonly { readonly data: string; readonly examples: number }[] | null;
    readonly deeds: readonly object[];
    readonly origin?: string | undefined;
  };
}

function describe({ config, weights, tokenizer, provenance }: Checkpoint): Facts {
  const listed = [...weights].map(([name, { shape, storage, bytes, descriptor }]) => ({ name, shape, storage, bytes, descriptor }));
  return {
    architecture: config.architecture,
    config,
    parameters: listed.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    bytes: listed.reduce((sum, weight) => sum + weight.bytes, 0),
    weights: listed,
    tokenizer: tokenizer === undefined ? null : { vocabularySize: tokenizer.vocabularySize, special: tokenizer.special },
    provenance: {
      seen: provenance.seen?.map(({ data, examples }) => ({ data, examples: examples.length })) ?? null,
      deeds: provenance.deeds,
      origin: provenance.origin,
    },
  };
}

function print({ architecture, config, parameters, bytes: size, weights, tokenizer, provenance }: Facts): string {
  const { seen, deeds, origin } = provenance;
  return [
    `${architecture}, ${count(parameters)} parameters, ${bytes(size)}`,
    JSON.stringify(config),
    table(
      ["weight", "shape", "storage", "bytes"],
      weights.map((weight) => [weight.name, weight.shape.join(" × "), weight.storage, bytes(weight.bytes)]),
    ),
    tokenizer === null ? "no tokenizer" : `tokenizer of ${count(tokenizer.vocabularySize)} pieces`,
    `trained on: ${seen === null ? "nobody knows" : seen.map(({ data, examples }) => `${data} (${count(examples)} examples)`).join(", ") || "nothing"}`,
    `done to it: ${deeds.map((deed) => JSON.stringify(deed)).join(", ") || "nothing"}`,
    ...(origin === undefined ? [] : [`origin: ${origin}`]),
  ].join("\n");
}
