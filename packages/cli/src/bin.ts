#!/usr/bin/env node
import { joinVectors } from "@pare/backend-wasm";
import { main } from "./program.ts";
import { EXIT } from "./exit-codes.ts";

// Before there are threads: the flag is the whole process's.
if (!process.argv.includes("--narrow")) joinVectors();

const controller = new AbortController();
const interrupt = (): void => {
  if (controller.signal.aborted) process.exit(EXIT.cancelled);
  process.stderr.write("\nStopping at the next safe point; press Ctrl-C again to end at once.\n");
  controller.abort();
};
process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
// A reader that has seen enough (`pare generate … | head`) closes the pipe; that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failure));

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  screen: process.stderr.isTTY ? process.stderr : undefined,
  cwd: process.cwd(),
  signal: controller.signal,
});
