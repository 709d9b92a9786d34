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

/**
 * Runs all ways in turn, round after round, so that a busy moment of the machine meets all of them. The first rounds do not count. A way
 * that runs in another process may give its own `{ milliseconds }`, without the way there and back.
 */
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
      const result = (await ways[name]()) as { readonly milliseconds?: number } | undefined;
      const spent = performance.now() - begin;
      if (round >= 0) times.get(name)!.push(result?.milliseconds ?? spent);
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
  /** The peer that the value is a ratio to. */
  readonly against?: string | undefined;
}

/** Prints a figure, its target and its shortfall, and hands it to `pnpm bench` where that runs the bench. */
export function report(figure: Figure): void {
  const { what, value, fastest, unit, target } = figure;
  const best = fastest === undefined ? "" : ` (fastest rounds ${digits(fastest)})`;
  console.log(`${what}: ${digits(value)} ${unit}${best}${target === undefined || smoke ? "" : `; ${verdict(figure)}`}`);
  tell(figure);
}

function tell(figure: Figure): void {
  process.send?.(figure);
}

/**
 * Judged by the fastest rounds where there are any, since other processes can only slow a round down; a ratio to a peer by the medians:
 * what slowed the rounds of one slowed those of the other.
 */
export function verdict({ value, fastest = value, unit, target, against }: Figure): string {
  if (target === undefined) return "";
  const judged = against === undefined ? fastest : value;
  const [words, limit, met] =
    "least" in target ? ["at least", target.least, judged >= target.least] : ["at most", target.most, judged <= target.most];
  return `target ${words} ${limit} ${unit}: ${met ? "met" : `missed by ${digits(Math.abs(judged - limit))} ${unit}`}`;
}

export interface Comparison {
  readonly what: string;
  /** Milliseconds of one call, ours and the peers'. */
  readonly times: Readonly<Record<string, Times>>;
  readonly ours: string;
  /** What one call does, in millions of what `unit` counts per nanosecond: 10⁶ FLOP for GFLOP/s. Absent: times are shown. */
  readonly work?: number | undefined;
  readonly unit?: string | undefined;
  /** Least ratio of our speed to the fastest of some peers. */
  readonly targets?: readonly { readonly against: readonly string[]; readonly least: number }[] | undefined;
}

/** Says how fast all ways are and how many times as fast as each peer ours is; judged is the ratio to the fastest of the peers that a target names. */
export function compare({ what, times, ours, work, unit = "ms", targets = [] }: Comparison): void {
  const speed = (ms: number): number => (work === undefined ? ms : work / ms);
  console.log(what);
  const judged = new Map(targets.flatMap(({ against, least }) => fastestOf(against, times).map((peer) => [peer, { least }])));
  for (const [name, { median, fastest }] of Object.entries(times)) {
    tell({ what: `${what}, ${name}`, value: speed(median), fastest: speed(fastest), unit });
    const line = `  ${name.padEnd(18)} ${digits(speed(median))} ${unit} (fastest rounds ${digits(speed(fastest))})`;
    if (name === ours) {
      console.log(line);
      continue;
    }
    const value = median / times[ours]!.median;
    const target = judged.get(name);
    const figure: Figure = { what, value, fastest: fastest / times[ours]!.fastest, unit: "×", target, against: name };
    tell(figure);
    const judgement = target === undefined || smoke ? "" : `; ${verdict(figure)}`;
    console.log(`${line}: ${ours} ${digits(value)} × as fast (${digits(figure.fastest!)})${judgement}`);
  }
}

function fastestOf(names: readonly string[], times: Readonly<Record<string, Times>>): string[] {
  const absent = names.filter((name) => times[name] === undefined);
  if (absent.length > 0) console.warn(`  not judged against ${absent.join(", ")}: not there`);
  return names
    .filter((name) => times[name] !== undefined)
    .sort((a, b) => times[a]!.median - times[b]!.median)
    .slice(0, 1);
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
