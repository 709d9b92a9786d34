/** Graphs of one generation over its own caches, and the caches themselves. */
import { dim, i32, sitesOf, trace, type Compiled, type HostTensor, type SiteRequests, type Tracer, type Value } from "@pare/tensor-core";
import type { CacheSpec } from "../architecture.ts";
import { bucketWidth, contextOf, modelScope, padRows } from "../scope.ts";
import type { Inputs, SessionParts } from "./parts.ts";

/** Graphs that read and write the caches of one slot; made once per slot, whatever its batch and capacity. */
export interface SlotGraphs {
  readonly encode: Compiled | undefined;
  /** Fills the caches and computes no logits. */
  readonly prefill: Compiled;
  readonly step: Compiled;
}

type Body = (tracer: Tracer) => Readonly<Record<string, Value>>;

/** States carry the slot's number in their names, so that generations that run side by side do not share them. */
function inSlot(slot: number, body: Body): Body {
  return (tracer) => body({ ...tracer, state: (name, dtype, shape) => tracer.state(stateName(slot, name), dtype, shape) });
}

function stateName(slot: number, name: string): string {
  return `${slot}/${name}`;
}

export function slotGraphs({ checkpoint, architecture, sites, make }: SessionParts, slot: number): SlotGraphs {
  const { config } = checkpoint;
  const batch = dim("batch");
  const compileBody = (body: Body): Compiled => make(trace(inSlot(slot, body), { sites: presentSites(sites, body) }));
  const decode: Body = (tracer) => {
    const rows = (name: string): Value => tracer.input(name, "i32", [batch, dim("steps")]);
    const perRow = (name: string): Value => tracer.input(name, "i32", [batch]);
    const cross =
      architecture.encode === undefined ? {} : { sourceLengths: perRow("sourceLengths"), sourceCapacity: dim("sourceCapacity") };
    const logits = architecture.decode!(modelScope(tracer, architecture, config), config, {
      tokens: rows("tokens"),
      positions: rows("positions"),
      starts: perRow("starts"),
      lengths: perRow("lengths"),
      batch,
      capacity: dim("capacity"),
      ...cross,
    });
    return { logits };
  };
  const encode: Body = (tracer) => {
    const rows = (name: string): Value => tracer.input(name, "i32", [batch, dim("sourceCapacity")]);
    const inputs = {
      source: rows("source"),
      sourcePositions: rows("sourcePositions"),
      sourceLengths: tracer.input("sourceLengths", "i32", [batch]),
    };
    architecture.encode!(modelScope(tracer, architecture, config), config, inputs);
    return {};
  };
  return {
    encode: architecture.encode === undefined ? undefined : compileBody(encode),
    prefill: compileBody((tracer) => (decode(tracer), {})),
    step: compileBody(decode),
  };
}

/** The requests whose sites this graph passes: the encoder's are not in the decoder's graph. */
function presentSites(sites: SiteRequests | undefined, body: Body): SiteRequests | undefined {
  if (sites === undefined) return undefined;
  const present = new Set(sitesOf(body));
  return Object.fromEntries(Object.entries(sites).filter(([name]) => present.has(name)));
}

/** The caches of one generation: room for `capacity` tokens of every row, doubled when it runs out. */
export class Decoder {
  private readonly parts: SessionParts;
  private readonly slot: number;
  private readonly graphs: SlotGraphs;
  private readonly inputs: Inputs;
  private readonly batch: number;
  private capacity = 0;
  private source: Inputs = {};

  constructor(parts: SessionParts, slot: number, graphs: SlotGraphs, batch: number, inputs: Inputs) {
    this.parts = parts;
    this.slot = slot;
    this.graphs = graphs;
    this.batch = batch;
    this.inputs = inputs;
  }

  /** Runs the encoder and puts every prompt but its last token into the caches. */
  async start(prompts: readonly (readonly number[])[], sources: readonly (readonly number[])[] | undefined): Promise<void> {
    const heads = prompts.map((row) => row.slice(0, -1));
    const limit = contextOf(this.parts.checkpoint.config);
    const width = bucketWidth(Math.max(...heads.map((row) => row.length)), limit);
    await this.reserve(width + 1);
    if (sources !== undefined) await this.encode(sources);
    if (heads.every((row) => row.length === 0)) return;
    const { tokens, positions, lengths } = padRows(heads, undefined, { width });
    const starts = i32([this.batch], new Int32Array(this.batch));
    await this.graphs.prefill.run({ tokens: tokens!, positions: positions!, lengths: lengths!, starts, ...this.source, ...this.inputs });
  }

  /** Logits `[batch, vocabulary]` after one more token of each row; `places` are the tokens' positions. */
  async step(tokens: readonly number[], places: readonly number[]): Promise<Float32Array> {
    await this.reserve(Math.max(...places) + 1);
    const column = (values: readonly number[]): HostTensor => i32([this.batch, 1], values);
    const { logits } = await this.graphs.step.run({
      tokens: column(tokens),
      positions: column(places),
      starts: i32([this.batch], places),
      lengths: i32(
        [this.batch],
        places.map((place) => place + 1),
      ),
      ...this.source,
      ...this.inputs,
    });
    return logits!.data as Float32Array;
  }

  dispose(): void {
    const states = new Set(this.parts.store.states());
    for (const { name } of this.cacheSpecs())
      if (states.has(stateName(this.slot, name))) this.parts.store.dropState(stateName(this.slot, name));
  }

  private async encode(sources: readonly (readonly number[])[]): Promise<void> {
    const limit = contextOf(this.parts.checkpoint.config);
    const sourceWidth = bucketWidth(Math.max(...sources.map((row) => row.length)), limit);
    const { source, sourcePositions, sourceLengths } = padRows(sources, sources, { sourceWidth });
    for (const { name, heads, headDim, cross } of this.cacheSpecs()) {
      if (cross) this.parts.store.createState(stateName(this.slot, name), "f32", [this.batch, sourceWidth, heads, headDim]);
    }
    this.source = { sourceLengths: sourceLengths! };
    await this.graphs.encode!.run({ source: source!, sourcePositions: sourcePositions!, sourceLengths: sourceLengths!, ...this.inputs });
  }

  private async reserve(entries: number): Promise<void> {
    if (entries <= this.capacity) return;
    const capacity = Math.max(32, 2 ** Math.ceil(Math.log2(entries)));
    for (const { name, heads, headDim, cross } of this.cacheSpecs()) {
      if (cross) continue;
      const state = stateName(this.slot, name);
      const grown = new Float32Array(this.batch * capacity * heads * headDim);
      if (this.capacity > 0) {
        const { data } = await this.parts.store.readState(state);
        const [old, row] = [this.capacity * heads * headDim, capacity * heads * headDim];
        for (let b = 0; b < this.batch; b++) grown.set((data as Float32Array).subarray(b * old, (b + 1) * old), b * row);
      }
      this.parts.store.setState(state, { dtype: "f32", shape: [this.batch, capacity, heads, headDim], data: grown });
    }
    this.capacity = capacity;
  }

  private cacheSpecs(): readonly CacheSpec[] {
    return this.parts.architecture.caches?.(this.parts.checkpoint.config) ?? [];
  }
}
