/** The `pare` command: what stands on it, how it ends. */
import { Command, CommanderError } from "commander";
import { registerCompress } from "./commands/compress.ts";
import { registerConvert } from "./commands/convert.ts";
import { registerCreate } from "./commands/create.ts";
import { registerEval } from "./commands/eval.ts";
import { registerGenerate } from "./commands/generate.ts";
import { registerInspect } from "./commands/inspect.ts";
import { registerPlugins } from "./commands/plugins.ts";
import { registerQuickstart } from "./commands/quickstart.ts";
import { registerRoofline } from "./commands/roofline.ts";
import { registerScale } from "./commands/scale.ts";
import { registerScan } from "./commands/scan.ts";
import { registerTokenize } from "./commands/tokenize.ts";
import { registerTrain } from "./commands/train.ts";
import type { Cli } from "./cli.ts";
import { exitCodeOf, toPareError } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { createProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";
import { pareVersion } from "./versions.ts";

const COMMANDS: readonly ((program: Command, cli: Cli) => void)[] = [
  registerQuickstart,
  registerCompress,
  registerEval,
  registerInspect,
  registerConvert,
  registerGenerate,
  registerTokenize,
  registerCreate,
  registerTrain,
  registerScale,
  registerScan,
  registerRoofline,
  registerPlugins,
];

/**
 * Runs one command and gives its exit code (see {@link EXIT}); throws nothing.
 *
 * @param argv without the program's own name.
 */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.includes("--json");
  const cli: Cli = { terminal, json, offline: argv.includes("--offline"), progress: createProgress(terminal, json) };
  try {
    await createProgram(cli).parseAsync(argv, { from: "user" });
    return EXIT.ok;
  } catch (thrown) {
    cli.progress.stop();
    // Help and version were printed and are no fault; help in place of a missing command is.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    if (thrown instanceof CommanderError && thrown.code === "commander.help" && !json) return EXIT.usage;
    const error = toPareError(thrown, terminal.signal);
    if (error.code === "cli/unexpected" && thrown instanceof Error) terminal.err(`${thrown.stack}\n`);
    if (json) terminal.out(`${JSON.stringify({ error })}\n`);
    terminal.err(`${error.message}\n`);
    return exitCodeOf(error);
  }
}

function createProgram(cli: Cli): Command {
  const { terminal } = cli;
  const program = new Command("pare")
    .description("make a transformer smaller, prove what it kept, and write it where runtimes load it")
    .version(pareVersion(), "-V, --version")
    .option("--json", "print exactly one JSON object on stdout, results and errors alike")
    .option("--narrow", "run vectors of 128 bits where the engine could join them to 256: slower, the same bytes")
    .option("--offline", "ask no network: of hub: models take what was fetched before")
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: cli.json ? () => {} : terminal.err, outputError: () => {} })
    .addHelpText("after", "\nExit codes: 0 done, 1 failure, 2 wrong command or input, 130 cancelled.");
  for (const register of COMMANDS) register(program, cli);
  return program;
}
