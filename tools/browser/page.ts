/** A module in a real browser: bundled from the workspace's sources, served from this process, its exports called from tests. */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium as playwright, type Browser } from "playwright-core";
import { build, type Rollup } from "vite";

/** Debian's Chromium, or the one that `PARE_CHROMIUM` names; undefined where there is none. */
export const chromium: string | undefined = [process.env["PARE_CHROMIUM"], "/usr/bin/chromium"].find(
  (path) => path !== undefined && existsSync(path),
);
if (chromium === undefined) console.warn("no Chromium at /usr/bin/chromium or PARE_CHROMIUM: tests that need a browser are skipped");

export interface PageOptions {
  /** Served with COOP and COEP headers, so that memory may be shared; default true. */
  readonly isolated?: boolean | undefined;
  /** Further flags of Chromium. */
  readonly flags?: readonly string[] | undefined;
}

export interface Page {
  /** Calls an export of the module. Arguments and result pass as JSON does. */
  readonly call: <Result = unknown>(name: string, ...args: readonly unknown[]) => Promise<Result>;
  /** What the page has written to its console, oldest first. */
  readonly messages: readonly string[];
  readonly close: () => Promise<void>;
}

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
export async function openPage(entry: string, { isolated = true, flags = [] }: PageOptions = {}): Promise<Page> {
  const server = await serve(await bundle(entry), isolated);
  let browser: Browser | undefined;
  try {
    browser = await playwright.launch({ executablePath: chromium!, headless: true, args: [...FLAGS, ...flags] });
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const messages: string[] = [];
    page.on("console", (message) => messages.push(message.text()));
    page.on("pageerror", (error) => messages.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => "entry" in globalThis);
    const opened = browser;
    return {
      messages,
      call: (name, ...args) =>
        page.evaluate(([name, args]) => (globalThis as unknown as Calls).entry[name]!(...args), [name, args] as const) as Promise<any>,
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

interface Calls {
  readonly entry: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
}

async function bundle(entry: string): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const output = (await build({
    configFile: false,
    logLevel: "warn",
    build: { write: false, minify: false, target: "esnext", lib: { entry, formats: ["es"], fileName: "entry" } },
    resolve: { conditions: ["@pare/source", "browser", "import", "module", "default"] },
  })) as Rollup.RollupOutput[];
  const files = output.flatMap(({ output }) => output);
  const main = files.find((file) => file.type === "chunk" && file.isEntry)!.fileName;
  return new Map([
    ["/", page(main)],
    ...files.map((file) => [`/${file.fileName}`, file.type === "chunk" ? file.code : file.source] as const),
  ]);
}

function page(main: string): string {
  return `<!doctype html><meta charset="utf-8"><script type="module">import * as entry from "/${main}"; globalThis.entry = entry;</script>`;
}

function serve(files: ReadonlyMap<string, string | Uint8Array>, isolated: boolean): Promise<Server> {
  const server = createServer(({ url = "/" }, response) => {
    const body = files.get(url);
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    response.setHeader("Content-Type", url === "/" ? "text/html" : url.endsWith("js") ? "text/javascript" : "application/octet-stream");
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
