/** `pare plugins`: everything that a recipe, `--suite` or `--device` may name. */
import type { Command } from "commander";
import type { AnyPlugin } from "@pare/core";
import type { Cli } from "../cli.ts";
import { printResult, table } from "../output.ts";

export function registerPlugins(program: Command, cli: Cli): void {
  program
    .command("plugins")
    .description("list every plugin with its kind, package and options")
    .action(async () => {
      const { KINDS, openRegistry } = await import("../registry.ts");
      const { registry } = await openRegistry(cli.terminal.cwd);
      const plugins = KINDS.flatMap((kind) => registry.list(kind)).map(describe);
      printResult(cli.terminal, cli.json, { plugins }, () =>
        table(
          ["kind", "id", "package", "options"],
          plugins.map(({ kind, id, package: holder, options }) => [kind, id, holder, optionNames(options)]),
        ),
      );
    });
}

interface Listed {
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly package: string;
  /** JSON Schema. */
  readonly options?: object | undefined;
  readonly citation?: string | undefined;
}

function describe(plugin: AnyPlugin): Listed {
  const { kind, id, version, package: holder, jsonSchema } = plugin;
  return { kind, id, version, package: holder, options: jsonSchema, citation: plugin.kind === "suite" ? plugin.citation : undefined };
}

function optionNames(schema: { readonly properties?: object } | undefined): string {
  return Object.keys(schema?.properties ?? {}).join(", ");
}
