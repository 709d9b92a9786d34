/** Bundles the package into `dist/pare.js`, one module without imports, and the licences of what is inside beside it. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "vite";
import { oneModule } from "./bundle.ts";

const root = import.meta.dirname;
const bundled = new Set<string>();

await build({
  configFile: false,
  root,
  logLevel: "warn",
  build: {
    outDir: "dist",
    emptyOutDir: false,
    target: "es2023",
    sourcemap: false,
    ...oneModule.build,
  },
  resolve: { conditions: ["browser", "import", "module", "default"] },
  plugins: [
    ...oneModule.plugins!,
    {
      name: "packages-inside",
      moduleParsed: ({ id }) => {
        const folder = packageOf(id);
        if (folder !== undefined) bundled.add(folder);
      },
    },
  ],
});
writeFileSync(join(root, "dist/THIRD-PARTY-LICENSES.txt"), [...bundled].sort().map(notice).join("\n"));

/** Folder of the installed package that a module belongs to; undefined for our own. */
function packageOf(id: string): string | undefined {
  const path = id.replace(/^\0/, "").split("?")[0]!;
  if (!path.includes("/node_modules/")) return undefined;
  let folder = dirname(path);
  while (!existsSync(join(folder, "package.json")) || manifestOf(folder).name === undefined) folder = dirname(folder);
  return folder;
}

function notice(folder: string): string {
  const { name, version, license } = manifestOf(folder);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined && license === undefined) throw new Error(`${name} says no licence`);
  return `${name} ${version} (${license})\n\n${file === undefined ? "" : readFileSync(join(folder, file), "utf8")}`;
}

function manifestOf(folder: string): { readonly name?: string; readonly version?: string; readonly license?: string } {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
