/** The error catalogue: every factory that a package's `src/errors.ts` exports. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packagesOf } from "../workspace.ts";

export interface CatalogueEntry {
  readonly package: string;
  readonly code: string;
  readonly summary: string;
}

export async function catalogue(root: string): Promise<CatalogueEntry[]> {
  const entries: CatalogueEntry[] = [];
  for (const { folder, path } of packagesOf(root)) {
    const file = join(path, "src/errors.ts");
    if (!existsSync(file)) continue;
    const module = (await import(file)) as Readonly<Record<string, unknown>>;
    for (const factory of Object.values(module)) {
      const { code, summary } = factory as Partial<CatalogueEntry>;
      if (typeof factory === "function" && typeof code === "string" && typeof summary === "string")
        entries.push({ package: folder, code, summary });
    }
  }
  return entries.sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** The page `docs/errors.md`. */
export function page(entries: readonly CatalogueEntry[]): string {
  const packages = [...new Set(entries.map((entry) => entry.package))];
  const sections = packages.map((name) => {
    const rows = entries
      .filter((entry) => entry.package === name)
      .map(({ code, summary }) => `| \`${code}\` | ${summary.replaceAll("|", "\\|")} |`);
    return `## @pare/${name}\n\n| code | when it is met |\n|---|---|\n${rows.join("\n")}\n`;
  });
  return `# Errors

Every error of Pare has a code that stays the same across versions, and says where the fault lies, what was expected, what was
found and what to do next. \`isPareError(error)\` tells them from others; \`error.code\` and \`error.report\` hold the parts.
This page is written by \`node --conditions=@pare/source tools/errors/write.ts\`.

${sections.join("\n")}`;
}
