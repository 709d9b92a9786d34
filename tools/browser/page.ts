/** Pages in a real browser: a module bundled from the workspace's sources whose exports tests call, or any files as a site. */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium as playwright, type Browser, type Page as Tab } from "playwright-core";
import { build, type InlineConfig, type Rollup } from "vite";

/** Debian's Chromium, or the one that `PARE_CHROMIUM` names; undefined where there is none. */
export const chromium: string | undefined = [process.env["PARE_CHROMIUM"], "/usr/bin/chromium"].find(
  (path) => path !== undefined && existsSync(path),
);
if (chromium === undefined) console.warn("no Chromium at /usr/bin/chromium or PARE_CHROMIUM: tests that need a browser are skipped");

export interface SiteOptions {
  /** Served with COOP and COEP headers, so that memory may be shared; default true. */
  readonly isolated?: boolean | undefined;
  /** Further flags of Chromium. */
  readonly flags?: readonly string[] | undefined;
}

export interface Site {
  readonly tab: Tab;
  /** What the page has written to its console, oldest first. */
  readonly messages: readonly string[];
  readonly close: () => Promise<void>;
}

export interface Page extends Site {
  /** Calls an export of the module. Arguments and result pass as JSON does. */
  readonly call: <Result = unknown>(name: string, ...args: readonly unknown[]) => Promise<Result>;
}

/** Files of a site by their path from its root; "index.html" is what `/` gives. */
export type SiteFiles = ReadonlyMap<string, string | Uint8Array>;

/** WebGPU and WebGL2 by software adapters, no sandbox (containers have none), and nothing that talks to the network. */
const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--enable-unsafe-swiftshader",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** @param entry absolute path of the module; it may import packages of the workspace by name where one of its parents may. */
export async function openPage(entry: string, options: SiteOptions = {}): Promise<Page> {
  const files = await bundle({ build: { minify: false, lib: { entry, formats: ["es"], fileName: "entry" } } });
  const site = await openSite(
    new Map([...files, ["index.html", pageOf([...files.keys()].find((name) => name.startsWith("entry."))!)]]),
    options,
  );
  await site.tab.waitForFunction(() => "entry" in globalThis);
  return {
    ...site,
    call: (name, ...args) =>
      site.tab.evaluate(([name, args]) => (globalThis as unknown as Calls).entry[name]!(...args), [name, args] as const) as Promise<any>,
  };
}

/** Serves the files and opens their index. */
export async function openSite(files: SiteFiles, { isolated = true, flags = [] }: SiteOptions = {}): Promise<Site> {
  const server = await serve(files, isolated);
  let browser: Browser | undefined;
  try {
    browser = await playwright.launch({ executablePath: chromium!, headless: true, args: [...FLAGS, ...flags] });
    const opened = browser;
    const tab = await browser.newPage();
    tab.setDefaultTimeout(0);
    const messages: string[] = [];
    tab.on("console", (message) => messages.push(message.text()));
    tab.on("pageerror", (error) => messages.push(String(error)));
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return {
      tab,
      messages,
      close: async () => {
        await opened.close();
        server.close();
      },
    };
  } catch (error) {
    await browser?.close();
    server.close();
    throw error;
  }
}

/** What vite builds of this, in memory, with the workspace's packages taken from their sources. */
export async function bundle({ build: how, ...config }: InlineConfig): Promise<Map<string, string | Uint8Array>> {
  const built = await build({
    configFile: false,
    logLevel: "warn",
    ...config,
    build: { target: "esnext", ...how, write: false },
    resolve: { conditions: ["@pare/source", "browser", "import", "module", "default"] },
  });
  const files = [built as Rollup.RollupOutput | Rollup.RollupOutput[]].flat().flatMap(({ output }) => output);
  return new Map(files.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]));
}

interface Calls {
  readonly entry: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
}

function pageOf(main: string): string {
  return `<!doctype html><meta charset="utf-8"><script type="module">import * as entry from "/${main}"; globalThis.entry = entry;</script>`;
}

function serve(files: SiteFiles, isolated: boolean): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const name = new URL(url ?? "/", "http://site").pathname.slice(1) || "index.html";
    const body = files.get(name);
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    response.setHeader("Content-Type", TYPES.find(([end]) => name.endsWith(end))?.[1] ?? "application/octet-stream");
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const TYPES = [
  [".html", "text/html"],
  ["js", "text/javascript"],
  [".css", "text/css"],
] as const;
