/** Charts as SVG files: ratios to peers as bars, with their targets. Vega is installed with the peers, and draws without a browser. */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../workspace.ts";
import type { Figure } from "./harness.ts";

export async function writeChart(path: string, figures: readonly Figure[], subtitle: string): Promise<void> {
  await drawChart(path, specOf(figures, subtitle));
}

/** @param spec a Vega-Lite chart. */
export async function drawChart(path: string, spec: unknown): Promise<void> {
  const [vega, { compile }] = (await Promise.all(["vega", "vega-lite"].map(installed))) as [VegaModule, VegaLiteModule];
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  writeFileSync(path, await view.toSVG());
}

/** The little that is used here of two libraries that the workspace does not have. */
interface VegaModule {
  readonly parse: (spec: unknown) => unknown;
  readonly View: new (runtime: unknown, options: { readonly renderer: "none" }) => { readonly toSVG: () => Promise<string> };
}
interface VegaLiteModule {
  readonly compile: (spec: unknown) => { readonly spec: unknown };
}

function installed(name: string): Promise<unknown> {
  return import(pathToFileURL(createRequire(join(ROOT, "bench", "package.json")).resolve(name)).href);
}

function specOf(figures: readonly Figure[], subtitle: string): unknown {
  const values = figures.map(({ what, against, value, target }) => ({
    row: `${what}, against ${against}`,
    against,
    ratio: value,
    target: target !== undefined && "least" in target ? target.least : null,
  }));
  const y = { field: "row", type: "nominal", title: null, sort: null, axis: { labelLimit: 600 } };
  const x = { field: "ratio", type: "quantitative", scale: { type: "log" }, title: "times as fast as the peer (line: the target)" };
  const color = { field: "against", type: "nominal", legend: null };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: "Speed against peers", subtitle },
    data: { values },
    width: 480,
    layer: [
      { mark: "bar", encoding: { y, x, x2: { datum: 1 }, color } },
      { mark: { type: "text", align: "left", dx: 4 }, encoding: { y, x, text: { field: "ratio", format: ".2f" } } },
      { mark: { type: "tick", thickness: 3, color: "black" }, encoding: { y, x: { ...x, field: "target" } } },
    ],
  };
}
