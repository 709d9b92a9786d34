/**
 * The model card and the lock that stand beside a compressed model. Neither holds a time or the folder's own name, so that a run that
 * is repeated writes the same bytes.
 */
import { createHash } from "node:crypto";
import { readPieces, type FileSet } from "@pare/core";
import type { ModelSize } from "./model.ts";
import { bytes, count } from "./output.ts";

export interface CardStep extends ModelSize {
  readonly use: string;
  readonly options: unknown;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Card {
  /** Of the model that went in. */
  readonly name: string;
  readonly description?: string | undefined;
  readonly before: ModelSize;
  readonly steps: readonly CardStep[];
  readonly seed: number;
  readonly device: string;
  /** Where the model that went in came from, in words. */
  readonly origin?: string | undefined;
}

/** Markdown. */
export function modelCard({ name, description, before, steps, seed, device, origin }: Card): string {
  const after = steps.at(-1)!;
  const row = (what: string, size: ModelSize, metrics: string): string =>
    `| ${what} | ${count(size.parameters)} | ${count(size.kept)} | ${bytes(size.bytes)} | ${metrics} |`;
  return [
    `# ${name}, made with Pare`,
    "",
    ...(description === undefined ? [] : [description, ""]),
    `Made from a model of ${count(before.parameters)} parameters` +
      `${origin === undefined ? "" : ` (${origin})`}: its weights take ${percent(after.bytes, before.bytes)} of the bytes they took.`,
    "",
    "| | parameters | not zero | bytes of weights | measured |",
    "|---|---:|---:|---:|---|",
    row("before", before, ""),
    ...steps.map((step) => row(`\`${step.use}\` ${plain(step.options)}`, step, measured(step.metrics))),
    "",
    `Seed ${seed}, device ${device}. \`recipe.json\` holds every option and can be given to \`pare compress --recipe\`; \`pare-lock.json\``,
    "holds the versions it ran with and a SHA-256 of every file.",
    "",
  ].join("\n");
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function plain(options: unknown): string {
  const fields = Object.entries(options as object).filter(([, value]) => value !== undefined);
  const shown = fields.map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");
  return (shown.length > 160 ? `${shown.slice(0, 157)}…` : shown).replaceAll("|", "\\|");
}

function measured(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(5))}`)
    .join(", ");
}

/** Hex SHA-256 of each file, as `sha256sum` gives it. */
export async function fileHashes(files: FileSet): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const name of await files.list()) {
    const hash = createHash("sha256");
    for await (const piece of readPieces(files, name)) hash.update(piece);
    hashes[name] = hash.digest("hex");
  }
  return hashes;
}
