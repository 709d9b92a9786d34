/** Which axes of which weights must be cut together, read off a traced forward pass. */
import { forwardGraph, type Architecture, type Checkpoint, type ModelConfig } from "@pare/models";
import { bindGraph, DimExpression, type AxisLink, type AxisRef, type Dims, type Graph, type OpNode, type Value } from "@pare/tensor-core";
import { atomsOf, bind, compose, keptOf, newAxis, rootOf, unite, uniteProducts, type Axis } from "./axis.ts";
import type { Cut } from "./cuts.ts";
import { axisBound, configDisagrees } from "./errors.ts";

/** Axes of `reader` that read those of `source`: attention's query heads, and key/value heads. */
interface Reading {
  readonly reader: Axis;
  readonly source: Axis;
  readonly indices: readonly number[] | undefined;
}

/** What stays of each axis that is cut: ascending indices. Axes are those that {@link Dependencies.axis} gives. */
export type Kept = ReadonlyMap<Axis, readonly number[]>;

/** The axes of a model's weights, and how they hang together. */
export interface Dependencies {
  /**
   * The indices of one axis of the value at a site.
   *
   * @throws `prune/axis-bound` where an op on its way does not say how it treats the axis, or needs all of it.
   */
  readonly axis: (site: string, axis: number) => Axis;
  /**
   * Those that weights lose indices of where the config becomes another of the same architecture: one that is read off the stream, and
   * others that the config makes as wide (a task's hidden layer). Throws `prune/axis-bound`.
   */
  readonly resized: (config: ModelConfig) => Axis[];
  /** The cuts that leave only these indices; what nobody reads any more goes with them. */
  readonly cuts: (kept: Kept) => Cut[];
}

/**
 * The dependency groups of a model (Fang et al., "DepGraph: towards any structural pruning", 2023), without a table for it: every op
 * of the traced forward pass says how its axes hang together (`Op.axes`), and the axes of weights that are one in the end are cut as one.
 *
 * @param sites what {@link Dependencies.axis} will be asked for.
 */
export function dependenciesOf(architecture: Architecture, config: ModelConfig, sites: readonly string[] = []): Dependencies {
  const requests = Object.fromEntries(sites.map((site) => [site, { tap: tapOf(site) }]));
  const graph = forwardGraph(architecture, config, undefined, { sites: requests });
  const { axesOf, readings, weights } = follow(bindGraph(graph, numbersFor(graph)));
  const whole = (axis: Axis, what: string): Axis => {
    const atoms = atomsOf(axis);
    const why = atoms.length > 1 ? `it is made of ${atoms.length} axes of their own` : atoms[0].bound;
    if (why !== undefined) throw axisBound({ what, why });
    return atoms[0];
  };
  return {
    axis: (site, axis) => whole(axesOf.get(tapOf(site))![axis], `axis ${axis} of ${site}`),
    resized: (after) => {
      const shapes = new Map(architecture.weights(after).map(({ name, shape }) => [name, shape]));
      const found = architecture.weights(config).flatMap(({ name, shape }) => {
        const axes = weights.get(name) ?? [];
        const changed = axes.filter((_, axis) => shapes.get(name)?.[axis] !== shape[axis]);
        return changed.map((axis) => whole(axis, `axis ${axes.indexOf(axis)} of ${name}`));
      });
      return [...new Set(found)];
    },
    cuts: (kept) => {
      const all = withSources(kept, readings);
      return [...weights].flatMap(([weight, axes]) =>
        axes.flatMap((axis, at): Cut[] => {
          if (!atomsOf(axis).some((atom) => all.has(atom))) return [];
          const left = keptOf(axis, all);
          return left.length === axis.size ? [] : [{ weight, axis: at as 0 | 1, kept: left }];
        }),
      );
    },
  };
}

/**
 * Of these cuts those that the new config asks for: what nobody reads any more stays where the architecture keeps it (a table that
 * others read too).
 *
 * @throws `prune/config-disagrees` where a weight would not have the shape that the architecture says.
 */
export function cutsFor(model: Checkpoint, architecture: Architecture, config: ModelConfig, cuts: readonly Cut[]): Cut[] {
  const found: Cut[] = [];
  for (const { name, shape } of architecture.weights(config)) {
    const before = model.weights.get(name)?.shape ?? [];
    const own = cuts.filter((cut) => cut.weight === name && shape[cut.axis] !== before[cut.axis]);
    const after = before.map((size, axis) => own.find((cut) => cut.axis === axis)?.kept.length ?? size);
    if (after.join() !== shape.join()) throw configDisagrees({ weight: name, expected: shape, found: after });
    found.push(...own);
  }
  return found;
}

function tapOf(site: string): string {
  return `tap/${site}`;
}

/** A number for each named dimension that divides and equals nothing else. */
function numbersFor({ nodes }: Graph): Dims {
  const names = new Set<string>();
  for (const node of nodes)
    if (node.kind === "leaf")
      for (const size of node.value.shape)
        if (size instanceof DimExpression) Object.keys(size.terms).forEach((term) => term.split("*").forEach((name) => names.add(name)));
  names.delete("");
  return Object.fromEntries([...names].map((name, index) => [name, PRIMES[index]]));
}

const PRIMES: readonly number[] = [1_000_003, 1_000_033, 1_000_037, 1_000_039, 1_000_081, 1_000_099, 1_000_117, 1_000_121];

interface Followed {
  /** By output of the graph. */
  readonly axesOf: ReadonlyMap<string, readonly Axis[]>;
  readonly weights: ReadonlyMap<string, readonly Axis[]>;
  readonly readings: readonly Reading[];
}

function follow(graph: Graph): Followed {
  const axes = new Map<number, readonly Axis[]>();
  const of = (value: Value): readonly Axis[] => {
    const known = axes.get(value.id) ?? value.shape.map((size) => newAxis(size as number));
    axes.set(value.id, known);
    return known;
  };
  const weights = new Map<string, readonly Axis[]>();
  const readings: Reading[] = [];
  for (const node of graph.nodes) {
    if (node.kind === "op") link(node, of, readings);
    else if (node.leaf.kind === "weight") weights.set(node.leaf.name, of(node.value));
  }
  const axesOf = new Map(Object.entries(graph.outputs).map(([name, value]) => [name, of(value)]));
  return { axesOf, weights, readings };
}

function link({ op, inputs, outputs, attrs }: OpNode, of: (value: Value) => readonly Axis[], readings: Reading[]): void {
  if (op.axes === undefined) {
    const values = [...Object.values(inputs), ...Object.values(outputs)].filter((value) => value !== undefined);
    for (const value of values) for (const axis of of(value)) bind(axis, `the op ${op.name} does not say how it treats its axes`);
    return;
  }
  const at = ([tensor, axis]: AxisRef): Axis => of((outputs[tensor] ?? inputs[tensor])!)[axis];
  for (const each of op.axes(inputs, outputs, attrs)) apply(each, op.name, at, readings);
}

function apply(each: AxisLink, op: string, at: (ref: AxisRef) => Axis, readings: Reading[]): void {
  if (each.kind === "same") return unite(at(each.axes[0]), at(each.axes[1]), op);
  if (each.kind === "split") return uniteProducts(each.from.map(at), each.to.map(at), op);
  if (each.kind === "fixed") return bind(at(each.axis), `the op ${op} needs all of it: ${each.why}`);
  if (each.kind === "read") {
    readings.push({ reader: at(each.reader), source: at(each.source), indices: each.indices });
    return;
  }
  const parts = each.parts.filter((part) => part !== 0).map((part) => (typeof part === "number" ? newAxis(part) : at(part)));
  compose(at(each.whole), "join", parts, op);
}

/** With what the readers that are left still read. */
function withSources(kept: Kept, readings: readonly Reading[]): Kept {
  const all = new Map([...kept].map(([axis, indices]) => [rootOf(axis), indices]));
  const sources = new Set(readings.map(({ source }) => rootOf(source)));
  for (const source of sources) {
    const readers = readings.filter((reading) => rootOf(reading.source) === source);
    if (all.has(source) || !readers.some(({ reader }) => all.has(rootOf(reader)))) continue;
    const read = new Set(readers.flatMap(({ reader, indices }) => keptOf(reader, all).map((index) => indices?.[index] ?? index)));
    all.set(
      source,
      [...read].sort((a, b) => a - b),
    );
  }
  return all;
}
