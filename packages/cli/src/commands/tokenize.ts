/** `pare tokenize`: text to ids and back. */
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { flagInvalid, tokenizerMissing, usage } from "../errors.ts";
import { readNamed } from "../flags.ts";
import { printResult } from "../output.ts";

interface TokenizeFlags {
  readonly data?: string;
  readonly decode?: readonly number[];
  readonly special: boolean;
}

export function registerTokenize(program: Command, cli: Cli): void {
  program
    .command("tokenize")
    .description("turn text into a model's token ids, or ids into text")
    .argument("<model>", "folder of a model")
    .argument("[text]", "text to encode")
    .option("--data <file>", "encode the text of a file")
    .option("--decode <ids>", "turn ids (1,2,3) into text", parseIds)
    .option("--no-special", "without the begin token")
    .action((model: string, text: string | undefined, flags: TokenizeFlags) => run(cli, model, text, flags));
}

async function run(cli: Cli, path: string, given: string | undefined, flags: TokenizeFlags): Promise<void> {
  const { terminal, json } = cli;
  const inputs = [given, flags.data, flags.decode].filter((input) => input !== undefined);
  if (inputs.length !== 1) throw usage({ message: "give exactly one of <text>, --data and --decode" });
  const [{ openRegistry }, { openModel }] = await Promise.all([import("../registry.ts"), import("../model.ts")]);
  const { registry } = await openRegistry(terminal.cwd);
  const { tokenizer } = await openModel(path, cli, registry);
  if (tokenizer === undefined) throw tokenizerMissing({ file: path });
  if (flags.decode !== undefined) {
    const outside = flags.decode.find((id) => id >= tokenizer.vocabularySize);
    if (outside !== undefined)
      throw flagInvalid({ flag: "--decode", expected: `ids below ${tokenizer.vocabularySize}`, found: String(outside) });
    const text = tokenizer.decode(flags.decode);
    printResult(terminal, json, { ids: flags.decode, text }, () => text);
    return;
  }
  const text = given ?? (await readNamed(terminal, "--data", flags.data!));
  const { begin } = tokenizer.special;
  const ids = [...(flags.special && begin !== undefined ? [begin] : []), ...tokenizer.encode(text)];
  printResult(terminal, json, { ids, count: ids.length }, () => ids.join(" "));
}

function parseIds(text: string): number[] {
  return text.split(/[\s,]+/).map((part) => {
    const id = part === "" ? Number.NaN : Number(part);
    if (!Number.isSafeInteger(id) || id < 0) throw flagInvalid({ flag: "--decode", expected: "ids such as 1,403,407", found: text });
    return id;
  });
}
