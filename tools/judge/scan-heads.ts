/**
 * `node --conditions=@pare/source tools/judge/scan-heads.ts [--json] [--chart <file.svg>]`: accuracy of the SCAN teacher against the
 * heads removed, over five seeds: in the order of their importance (Michel et al. 2019) as one scoring gives it, in that order with what
 * is left scored anew after every head, and in random order. A seed decides the random order and which 500 commands of the test set are
 * asked. Nothing is retrained. Ends with 1 where the area between the order with scoring anew and the random one is not positive with a
 * 95 % interval that excludes 0. The chart needs what `npx pnpm --dir bench install` installs.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawChart } from "../bench/chart.ts";
import { ROOT } from "../workspace.ts";
import { machine, pareJson } from "./pare.ts";
import { headsChart, HEADS, NAMES, ORDERS, type Area, type Order, type Point } from "./scan-heads-chart.ts";

const TEACHER = join(ROOT, "packages", "cli", "assets", "teachers", "scan-simple");
/** Heads removed; each of the six attention layers keeps one. */
const COUNTS = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18];
const SEEDS = [0, 1, 2, 3, 4];
/** Quantile of Student's t with four degrees of freedom, two-sided 95 %. */
const T = 2.7764451;

/** The training set: what importance is measured on. */
const DATA = { data: { use: "scan", split: "simple" }, batch: 128 };

/** Steps that remove so many heads. Those of fewer heads come first where they can, so that the store has done them already. */
function recipeOf(order: Order, count: number): object[] {
  if (order === "random") return [{ use: "prune/heads", count, score: "random" }];
  if (order === "michel")
    return [
      { use: "prune/head-importance", ...DATA },
      { use: "prune/heads", count, score: "michel" },
    ];
  return COUNTS.slice(1, COUNTS.indexOf(count) + 1).map((upTo, i) => ({
    use: "prune/heads",
    count: upTo - COUNTS[i],
    score: "michel",
    rescore: 1,
    ...DATA,
  }));
}

/** The teacher without so many heads; its folder. */
async function removed(folder: string, order: Order, count: number, seed: number): Promise<string> {
  const out = `${order}-${count}-${seed}`;
  writeFileSync(join(folder, "recipe.json"), JSON.stringify(recipeOf(order, count)));
  const { fallbacks } = await pareJson(["compress", TEACHER, "--recipe", "recipe.json", "--out", out, "--seed", String(seed)], folder);
  if (fallbacks.length > 0) throw new Error(`compress fell back on ${fallbacks[0].op}`);
  return out;
}

async function sweep(folder: string): Promise<Point[]> {
  const points: Point[] = [];
  for (const order of ORDERS) {
    for (const count of COUNTS) {
      let model = TEACHER;
      for (const seed of SEEDS) {
        // The order of importance does not depend on the seed.
        if (count > 0 && (order === "random" || seed === SEEDS[0])) model = await removed(folder, order, count, seed);
        const options = JSON.stringify({ examples: 500 });
        const { results, fallbacks } = await pareJson(
          ["eval", model, "--suite", "scan/simple", "--options", options, "--seed", String(seed)],
          folder,
        );
        if (fallbacks.length > 0) throw new Error(`eval fell back on ${fallbacks[0].op}`);
        points.push({ order, seed, removed: count, accuracy: results[0].metrics.accuracy });
      }
      const row = points.filter((point) => point.order === order && point.removed === count);
      console.error(`${order}, ${count} of ${HEADS}: ${row.map(({ accuracy }) => accuracy.toFixed(3)).join(" ")}`);
    }
  }
  return points;
}

/** Between the curve of an order and the random one of one seed, by trapezoids over the share of heads removed: accuracy × share. */
function areaOf(points: readonly Point[], order: Order, seed: number): number {
  const at = (of: Order, count: number): number =>
    points.find((point) => point.order === of && point.seed === seed && point.removed === count)!.accuracy;
  const gaps = COUNTS.map((count) => at(order, count) - at("random", count));
  return COUNTS.slice(1).reduce((sum, count, i) => sum + (((gaps[i] + gaps[i + 1]) / 2) * (count - COUNTS[i])) / HEADS, 0);
}

function summary(points: readonly Point[], order: Order): Area {
  const bySeed = SEEDS.map((seed) => areaOf(points, order, seed));
  const mean = bySeed.reduce((sum, area) => sum + area, 0) / bySeed.length;
  const variance = bySeed.reduce((sum, area) => sum + (area - mean) ** 2, 0) / (bySeed.length - 1);
  const reach = T * Math.sqrt(variance / bySeed.length);
  return { bySeed, mean, low: mean - reach, high: mean + reach };
}

function table(points: readonly Point[]): string[] {
  const cell = (order: Order, count: number): string => {
    const row = points.filter((point) => point.order === order && point.removed === count).map(({ accuracy }) => 100 * accuracy);
    const mean = row.reduce((sum, one) => sum + one, 0) / row.length;
    return `${mean.toFixed(1)} (${Math.min(...row).toFixed(1)}–${Math.max(...row).toFixed(1)})`;
  };
  return [
    `| heads removed | ${ORDERS.map((order) => NAMES[order]).join(" | ")} |`,
    "|---:|---:|---:|---:|",
    ...COUNTS.map((count) => `| ${count} | ${ORDERS.map((order) => cell(order, count)).join(" | ")} |`),
  ];
}

async function judge(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "pare-scan-heads-"));
  try {
    const points = await sweep(folder);
    const areas = { michel: summary(points, "michel"), rescored: summary(points, "rescored") };
    const area = areas.rescored;
    const faults = area.low > 0 ? [] : [`the interval of the area, ${area.low} to ${area.high}, does not exclude 0`];
    const facts = machine();
    const at = process.argv.indexOf("--chart");
    if (at >= 0) await drawChart(process.argv[at + 1]!, headsChart(points, area));
    if (process.argv.includes("--json")) console.log(JSON.stringify({ ...facts, points, areas, faults }));
    else {
      const lines = (["michel", "rescored"] as const).map((order) => {
        const [mean, low, high] = [areas[order].mean, areas[order].low, areas[order].high].map((value) => value.toFixed(4));
        return `- area between "${NAMES[order]}" and random: ${mean} (95 % interval ${low} to ${high})`;
      });
      const machineLine = Object.entries(facts).map((fact) => fact.join(" "));
      console.log([...table(points), "", ...lines, "", `${faults.join("; ") || "Met"}. ${machineLine.join(", ")}`].join("\n"));
    }
    return faults.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await judge();
