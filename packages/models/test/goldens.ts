/** What `tools/goldens` wrote, and a model's own outputs and gradients beside it. */
import { readdirSync } from "node:fs";
import { filesWithin, type FileSet, type Registry } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { readSafetensors } from "@pare/formats";
import {
  compile,
  createStore,
  gradients,
  mul,
  sum,
  type Device,
  type HostTensor,
  type SiteRequests,
  type StoredWeight,
  type TensorSource,
} from "@pare/tensor-core";
import { extraOf, forwardGraph, loadCheckpoint, openSession, padRows, type Architecture, type Checkpoint } from "../src/index.ts";
import { weightsOf } from "../src/huggingface/read.ts";

export interface Golden {
  readonly checkpoint: Checkpoint;
  readonly architecture: Architecture;
  /** By name: input/…, output, probe, gradient/…, hidden/…, attention/…. */
  readonly expected: ReadonlyMap<string, TensorSource>;
}

/** Of all fixtures. */
export function goldenNames(): string[] {
  return readdirSync(`${import.meta.dirname}/goldens`);
}

/** The folder of a fixture. */
export function goldenFiles(name: string): FileSet {
  return filesWithin(folderFiles(import.meta.dirname), `goldens/${name}`);
}

/** `file`: one of several in the fixture's folder that say what the model gives. */
export async function openGolden(name: string, registry: Registry, file: string = "expected.safetensors"): Promise<Golden> {
  const files = goldenFiles(name);
  const checkpoint = await loadCheckpoint(files, registry);
  const architecture = registry.find("architecture", checkpoint.config.architecture).define as Architecture;
  const { tensors } = await readSafetensors(files, file);
  return { checkpoint, architecture, expected: tensors };
}

/** Largest differences from a fixture. */
export interface Differences {
  /** Absolute. */
  readonly output: number;
  readonly hidden: number;
  readonly attention: number;
  /** Of each weight's gradient: the largest absolute difference over its largest absolute value; the worst weight. */
  readonly gradient: number;
}

/** What a fixture is run with besides: further run-time inputs, and what stands before the names of the layers' sites. */
export interface CompareOptions {
  readonly inputs?: Readonly<Record<string, HostTensor>> | undefined;
  readonly stream?: string | undefined;
}

/** Runs a fixture forward and backward. */
export async function compareGolden(
  { checkpoint, architecture, expected }: Golden,
  device: Device,
  { inputs, stream = "" }: CompareOptions = {},
): Promise<Differences> {
  const { config } = checkpoint;
  const read = async (name: string): Promise<HostTensor> => (await expected.get(name)!.read())!;
  const taps = Object.fromEntries(
    Object.entries(tapsFor(architecture, checkpoint, expected)).map(([site, tap]) => [`${stream}${site}`, tap]),
  );
  const names = [...checkpoint.weights.keys()];
  const graph = forwardGraph(
    architecture,
    config,
    (logits, tracer) => {
      const loss = sum(mul(logits, tracer.input("probe", "f32", logits.shape)));
      const leaves = architecture.weights(config).map(({ name, shape }) => tracer.weight(name, shape));
      const slopes = gradients(loss, leaves);
      return { logits, ...Object.fromEntries(architecture.weights(config).map(({ name }, index) => [`gradient/${name}`, slopes[index]!])) };
    },
    { sites: taps },
  );
  const store = createStore(device, { weights: checkpoint.weights });
  const compiled = compile(graph, { store });
  const outputs = await compiled.run({ ...(await inputsOf(architecture, checkpoint, expected)), ...inputs, probe: await read("probe") });
  const probe = (await read("probe")).data as Float32Array;
  const meant = (index: number): boolean => probe[index] !== 0;
  const worst = async (prefix: string): Promise<number> => {
    let most = 0;
    for (const name of Object.keys(outputs).filter((one) => one.startsWith(prefix))) {
      const { data } = await read(name);
      most = Math.max(most, difference(outputs[name]!.data, data, await validRows(expected, outputs[name]!.shape)));
    }
    return most;
  };
  const wanted = weightsOf({ tensors: under(expected, "gradient/") }, architecture, config, "expected.safetensors").weights;
  const result = {
    output: difference(outputs["logits"]!.data, (await read("output")).data, meant),
    hidden: await worst("hidden/"),
    attention: await worst("attention/"),
    gradient: await worstGradient(names, wanted, outputs),
  };
  compiled.dispose();
  await store.dispose();
  return result;
}

/** What greedy decoding adds to the fixture's prompts: `wanted`, and ours with caches and without; undefined where it holds none. */
export async function generateGolden(
  { checkpoint, architecture, expected }: Golden,
  device: Device,
): Promise<Record<string, number[][]> | undefined> {
  const matrix = async (name: string): Promise<number[][] | undefined> => {
    const { data, shape } = (await expected.get(`generated/${name}`)?.read()) ?? { shape: [] };
    if (data === undefined) return undefined;
    return Array.from({ length: shape[0]! }, (_, row) => Array.from(data.subarray(row * shape[1]!, (row + 1) * shape[1]!), Number));
  };
  const [prompts, sources, wanted] = [await matrix("prompt"), await matrix("source"), await matrix("tokens")];
  if (prompts === undefined || wanted === undefined) return undefined;
  const session = openSession(checkpoint, { device, architecture });
  const added = async (cache: boolean): Promise<number[][]> => {
    const rows: number[][] = prompts.map(() => []);
    for await (const step of session.generate({ prompts, sources, maxTokens: wanted[0]!.length, stop: [], cache }))
      step.forEach((token, row) => rows[row]!.push(token!));
    return rows;
  };
  const found = { wanted, cached: await added(true), whole: await added(false) };
  await session.dispose();
  return found;
}

async function worstGradient(
  names: readonly string[],
  wanted: ReadonlyMap<string, StoredWeight>,
  outputs: Readonly<Record<string, HostTensor>>,
): Promise<number> {
  const sizes = new Map<string, number>();
  for (const name of names) sizes.set(name, largest((await wanted.get(name)!.dense()).data));
  // Gradients that are 0 by theory (a key's bias moves all scores of a query alike) are rounding errors on both sides.
  const floor = 1e-3 * Math.max(...sizes.values());
  let worst = 0;
  for (const name of names) {
    const { data } = await wanted.get(name)!.dense();
    worst = Math.max(worst, difference(outputs[`gradient/${name}`]!.data, data) / Math.max(sizes.get(name)!, floor));
  }
  return worst;
}

function largest(values: ArrayLike<number | bigint>): number {
  return Array.from(values as ArrayLike<number>).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Taps of what the fixture holds: hidden states at the layers' sites, attention at `<layer>.attention.weights`; of the last stack. */
function tapsFor(architecture: Architecture, { config }: Checkpoint, expected: ReadonlyMap<string, TensorSource>): SiteRequests {
  const stack = architecture.layers(config).at(-1);
  const sites: Record<string, { tap: string }> = {};
  const states = [stack!.input, ...stack!.prefixes.map((prefix) => prefix.slice(0, -1))];
  for (const [index, site] of states.entries()) if (expected.has(`hidden/${index}`)) sites[site] = { tap: `hidden/${index}` };
  for (const [index, prefix] of stack!.prefixes.entries())
    if (expected.has(`attention/${index}`)) sites[`${prefix}attention.weights`] = { tap: `attention/${index}` };
  return sites;
}

async function rowsOf(source: TensorSource | undefined, lengths: readonly number[]): Promise<number[][] | undefined> {
  if (source === undefined) return undefined;
  const { data, shape } = await source.read();
  return lengths.map((length, row) => Array.from({ length }, (_, column) => Number(data[row * shape[1]! + column])));
}

async function lengthsOf(expected: ReadonlyMap<string, TensorSource>, name: string): Promise<number[]> {
  return Array.from((await expected.get(name)!.read()).data as Int32Array);
}

async function inputsOf(
  architecture: Architecture,
  { config }: Checkpoint,
  expected: ReadonlyMap<string, TensorSource>,
): Promise<Record<string, HostTensor>> {
  const lengths = await lengthsOf(expected, "input/lengths");
  const tokens = (await rowsOf(expected.get("input/tokens"), lengths))!;
  const sources = expected.has("input/source")
    ? await rowsOf(expected.get("input/source"), await lengthsOf(expected, "input/sourceLengths"))
    : undefined;
  const extra: Record<string, number[][]> = {};
  for (const { name } of architecture.tokenInputs?.(config) ?? []) {
    const rows = await rowsOf(expected.get(`input/${name}`), lengths);
    if (rows !== undefined) extra[name] = rows;
  }
  return padRows(tokens, sources, { extra: extraOf(architecture, config, extra) });
}

/** Of `[batch, seq, …]` and `[batch, heads, seq, seq]`: whether an element belongs to a token that is there. */
async function validRows(expected: ReadonlyMap<string, TensorSource>, shape: readonly number[]): Promise<(index: number) => boolean> {
  const lengths = await lengthsOf(expected, "input/lengths");
  const [batch] = shape as [number];
  const perRow = shape.reduce((a, b) => a * b, 1) / batch;
  const seqAxis = shape.length === 4 ? 2 : 1;
  const inner = shape.slice(seqAxis + 1).reduce((a, b) => a * b, 1);
  return (index) => Math.floor((index % perRow) / inner) % shape[seqAxis]! < lengths[Math.floor(index / perRow)]!;
}

function difference(
  found: ArrayLike<number | bigint>,
  wanted: ArrayLike<number | bigint>,
  counts: (index: number) => boolean = () => true,
): number {
  if (found.length !== wanted.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) {
    if (!counts(i)) continue;
    const gap = Math.abs(Number(found[i]) - Number(wanted[i]));
    most = Number.isNaN(gap) ? Infinity : Math.max(most, gap);
  }
  return most;
}

function under(tensors: ReadonlyMap<string, TensorSource>, prefix: string): Map<string, TensorSource> {
  return new Map([...tensors].flatMap(([name, source]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), source]] : [])));
}
