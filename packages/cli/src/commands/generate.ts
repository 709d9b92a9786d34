/** `pare generate`: text from a model, as it is made. */
import type { Command } from "commander";
import type { Architecture, Checkpoint, Tokenizer } from "@pare/models";
import type { Cli } from "../cli.ts";
import { withChooser, type RunFlags } from "../device.ts";
import { sourceMissing, tokenizerMissing } from "../errors.ts";
import { number } from "../flags.ts";

interface GenerateFlags extends RunFlags {
  readonly prompt: string;
  readonly source?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly cache: boolean;
}

export function registerGenerate(program: Command, cli: Cli): void {
  withChooser(
    program
      .command("generate")
      .description("write text with a model, as it comes")
      .argument("<model>", "folder of a model")
      .option("--prompt <text>", "what the text starts with", "")
      .option("--source <text>", "what an encoder–decoder reads")
      .option("--max-tokens <n>", "new tokens at most", number("--max-tokens", { integer: true, min: 1 }), 256)
      .option("--temperature <t>", "0: always the most likely token", number("--temperature", { min: 0 }), 0)
      .option("--top-p <p>", "sample among the smallest set of tokens of this probability", number("--top-p", { above: 0, max: 1 }), 1)
      .option("--no-cache", "compute the whole sequence at every token, to check the cache")
      .option("--seed <n>", "of the sampling", number("--seed", { integer: true, min: 0 }), 0),
  ).action((model: string, flags: GenerateFlags) => run(cli, model, flags));
}

async function run(cli: Cli, path: string, flags: GenerateFlags): Promise<void> {
  const { terminal, json } = cli;
  const [
    { openRegistry },
    { openModel },
    { openDevice },
    { chooserFor },
    { watch, describeChoices },
    { beginToken, openSession, sourceIds, TextStream },
  ] = await Promise.all([
    import("../registry.ts"),
    import("../model.ts"),
    import("../open-device.ts"),
    import("../open-chooser.ts"),
    import("../watch.ts"),
    import("@pare/models"),
  ]);
  const { registry } = await openRegistry(terminal.cwd);
  const model = await openModel(path, cli, registry);
  const { define } = registry.find("architecture", model.config.architecture);
  const inputs = { begin: beginToken(model, define as Architecture), sourceIds };
  const { tokenizer, prompt, source } = encodeInputs(model, path, flags, inputs);
  const device = await openDevice(registry, flags);
  const watching = watch(cli);
  try {
    const chooser = await chooserFor(flags, model, device, terminal.cwd, watching.onEvent);
    const session = openSession(model, {
      device,
      registry,
      chooser,
      onFallback: (op) => watching.onEvent({ type: "fallback", op, device: device.backend }),
      onChoice: (choice) => watching.onEvent({ type: "choice", ...choice }),
    });
    if (session.architecture.family === "encoder-decoder" && source === undefined) throw sourceMissing({ file: path });
    const ids = [...prompt];
    const text = new TextStream(tokenizer, prompt);
    const say = (added: string): void => void (json || terminal.out(added));
    say(tokenizer.decode(prompt));
    const began = performance.now();
    const { maxTokens, temperature, topP, seed, cache } = flags;
    const request = { prompts: [prompt], sources: source && [source], maxTokens, temperature, topP, seed, cache, signal: terminal.signal };
    for await (const [token] of session.generate(request)) {
      if (token === undefined) break;
      ids.push(token);
      say(text.push(token));
    }
    say(`${text.rest()}\n`);
    const seconds = (performance.now() - began) / 1000;
    const tokens = ids.length - prompt.length;
    const result = {
      text: tokenizer.decode(ids),
      ids,
      tokens,
      seconds,
      tokensPerSecond: tokens / seconds,
      choices: watching.choices(),
      fallbacks: watching.fallbacks(),
    };
    if (json) terminal.out(`${JSON.stringify(result)}\n`);
    else {
      const speed = `${tokens} tokens, ${(tokens / seconds).toFixed(1)} tokens per second on ${device.backend} (${device.variant})`;
      terminal.err(`${[speed, ...describeChoices(result.choices)].join("\n")}\n`);
    }
  } finally {
    await device.close();
  }
}

function encodeInputs(
  { tokenizer }: Checkpoint,
  file: string,
  flags: GenerateFlags,
  {
    begin,
    sourceIds,
  }: { readonly begin: number | undefined; readonly sourceIds: (tokenizer: Tokenizer, text: string) => readonly number[] },
): { readonly tokenizer: NonNullable<Checkpoint["tokenizer"]>; readonly prompt: number[]; readonly source: readonly number[] | undefined } {
  if (tokenizer === undefined) throw tokenizerMissing({ file });
  const prompt = tokenizer.encode(flags.prompt);
  return {
    tokenizer,
    prompt: begin === undefined ? prompt : [begin, ...prompt],
    source: flags.source === undefined ? undefined : sourceIds(tokenizer, flags.source),
  };
}
