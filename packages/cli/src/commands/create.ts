/** `pare create`: a random model of a named shape, for benches and for training. */
import { resolve } from "node:path";
import type { Tokenizer } from "@pare/models";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { number, readNamed } from "../flags.ts";
import { bytes, count, printResult } from "../output.ts";
import type { ShapeChanges } from "../shapes.ts";

interface CreateFlags {
  readonly out: string;
  readonly force?: boolean;
  readonly seed: number;
  readonly tokenizer?: string;
  readonly vocabulary?: number;
  readonly context?: number;
  readonly hidden?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly feedForward?: number;
  readonly untied?: boolean;
}

export function registerCreate(program: Command, cli: Cli): void {
  const size = (flag: string): ((text: string) => number) => number(flag, { integer: true, min: 1 });
  program
    .command("create")
    .description("write a model of a named shape with random weights")
    .argument(
      "<shape>",
      "tiny, stories260K, stories15M, llama-12x768, qwen2-0.5b, gpt2, bert-tiny, bert-base, minilm, encoder-decoder-tiny, t5-small, xlnet-tiny or xlnet-base; flags change its sizes",
    )
    .requiredOption("--out <folder>", "where the model is written; it must not exist or be empty")
    .option("--force", "replace an output folder that Pare wrote")
    .option("--tokenizer <model>", "folder of a model whose tokenizer and vocabulary it gets, or a vocab.txt as BERT's are")
    .option("--vocabulary <n>", "tokens", size("--vocabulary"))
    .option("--context <n>", "positions", size("--context"))
    .option("--hidden <n>", "width", size("--hidden"))
    .option("--layers <n>", "layers; of an encoder–decoder in each of the two", size("--layers"))
    .option("--heads <n>", "query heads per layer", size("--heads"))
    .option("--kv-heads <n>", "key/value heads per layer of a decoder", size("--kv-heads"))
    .option("--feed-forward <n>", "neurons per layer", size("--feed-forward"))
    .option("--untied", "logits from a matrix of their own, not from the embedding")
    .option("--seed <n>", "same seed, same weights", number("--seed", { integer: true, min: 0 }), 0)
    .action((shape: string, flags: CreateFlags) => run(cli, shape, flags));
}

async function run(cli: Cli, shape: string, flags: CreateFlags): Promise<void> {
  const { terminal, json } = cli;
  const [{ openRegistry }, { openModel, modelSize }, { shapedConfig }, { writeOutFolder }, { createModel }] = await Promise.all([
    import("../registry.ts"),
    import("../model.ts"),
    import("../shapes.ts"),
    import("../out-folder.ts"),
    import("@pare/models"),
  ]);
  const { registry } = await openRegistry(terminal.cwd);
  const tokenizer = await tokenizerOf(flags.tokenizer, async (path) => (await openModel(path, cli, registry)).tokenizer, terminal);
  const config = shapedConfig(shape, changes(flags, tokenizer?.vocabularySize));
  const model = createModel(registry.find("architecture", config.architecture).define, config, { seed: flags.seed, tokenizer });
  await writeOutFolder(resolve(terminal.cwd, flags.out), flags.force === true, (files) => model.save(files));
  const { parameters, bytes: size } = await modelSize(model);
  const result = { out: flags.out, shape, seed: flags.seed, parameters, bytes: size, config: model.config };
  printResult(terminal, json, result, () => `${count(parameters)} parameters, ${bytes(size)}, written to ${flags.out}`);
}

async function tokenizerOf(
  path: string | undefined,
  ofModel: (path: string) => Promise<Tokenizer | undefined>,
  terminal: Cli["terminal"],
): Promise<Tokenizer | undefined> {
  if (path === undefined) return undefined;
  if (!path.endsWith(".txt")) return ofModel(path);
  const { wordPieceTokenizer } = await import("@pare/models");
  const lines = (await readNamed(terminal, "--tokenizer", path)).split(/\r?\n/);
  return wordPieceTokenizer(lines.filter((line) => line !== ""));
}

function changes(flags: CreateFlags, vocabulary: number | undefined): ShapeChanges {
  return {
    vocabularySize: flags.vocabulary ?? vocabulary,
    contextLength: flags.context,
    hiddenSize: flags.hidden,
    layers: flags.layers,
    heads: flags.heads,
    keyValueHeads: flags.kvHeads,
    feedForward: flags.feedForward,
    tied: flags.untied === true ? false : undefined,
  };
}
