/** What benches share: rounds in which all ways take turns, and figures that say their target and what is missing to it. */
import type { Device, ProgramStep } from "../../packages/tensor-core/src/index.ts";

/** `--smoke`: small shapes and few rounds, to see that a bench runs; its figures mean nothing. */
export const smoke: boolean = process.argv.includes("--smoke");

/** Positional arguments that are numbers. */
export const numbers: readonly number[] = process.argv
  .slice(2)
  .filter((text) => !text.startsWith("--"))
  .map(Number);

export interface Times {
  /** Milliseconds. */
  readonly median: number;
  /** The fastest round: what the median would be near, were the machine idle. */
  readonly fastest: number;
}

/** Runs all ways in turn, round after round, so that a busy moment of the machine meets all of them. The first rounds do not count. */
export async function interleave<Name extends string>(
  ways: Readonly<Record<Name, () => Promise<unknown>>>,
  rounds: number,
  warmUp: number = 2,
): Promise<Record<Name, Times>> {
  const names = Object.keys(ways) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const begin = performance.now();
      await ways[name]();
      if (round >= 0) times.get(name)!.push(performance.now() - begin);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarise(times.get(name)!)])) as Record<Name, Times>;
}

function summarise(times: readonly number[]): Times {
  const sorted = times.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, fastest: sorted[0]! };
}

export interface Figure {
  readonly what: string;
  /** By the medians. */
  readonly value: number;
  /** By the fastest rounds, where that is another number. */
  readonly fastest?: number | undefined;
  readonly unit: string;
  readonly target?: { readonly least: number } | { readonly most: number } | undefined;
}

/** Prints a figure, its target and its shortfall, and hands it to `pnpm bench` where that runs the bench. */
export function report(figure: Figure): void {
  const { what, value, fastest, unit, target } = figure;
  const best = fastest === undefined ? "" : ` (fastest rounds ${digits(fastest)})`;
  console.log(`${what}: ${digits(value)} ${unit}${best}${target === undefined || smoke ? "" : `; ${verdict(figure)}`}`);
  process.send?.(figure);
}

/** Judged by the fastest rounds where there are any, since other processes can only slow a round down. */
export function verdict({ value, fastest = value, unit, target }: Figure): string {
  if (target === undefined) return "";
  const [words, limit, met] =
    "least" in target ? ["at least", target.least, fastest >= target.least] : ["at most", target.most, fastest <= target.most];
  return `target ${words} ${limit} ${unit}: ${met ? "met" : `missed by ${digits(Math.abs(fastest - limit))} ${unit}`}`;
}

/** Four digits. */
export function digits(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** The device with every step of a program run and timed alone; `spent` adds up milliseconds by label, which is the op's name. */
export function timedByOp(device: Device, spent: Map<string, number>, label: (step: ProgramStep) => string = ({ op }) => op.name): Device {
  return {
    ...device,
    prepare: (steps) => {
      const programs = steps.map((step) => ({ name: label(step), program: device.prepare([step]) }));
      return {
        run: async () => {
          for (const { name, program } of programs) {
            const begin = performance.now();
            await program.run();
            spent.set(name, (spent.get(name) ?? 0) + performance.now() - begin);
          }
        },
        dispose: () => programs.forEach(({ program }) => program.dispose()),
      };
    },
  };
}

/** The shares of what takes most, most first. */
export function sharesOf(spent: ReadonlyMap<string, number>, most: number = 8): string {
  const total = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([name, ms]) => `${name} ${((100 * ms) / total).toFixed(1)} %`)
    .join(", ");
}
