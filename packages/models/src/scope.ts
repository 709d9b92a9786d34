/** The glue between an architecture's plain functions and a trace: weights by name, inputs by name, rows into tensors. */
import { dim, i32, trace, type Graph, type HostTensor, type TraceOptions, type Tracer, type Value } from "@pare/tensor-core";
import { nearNames } from "@pare/core";
import type { Architecture, ForwardInputs, ModelScope } from "./architecture.ts";
import type { ModelConfig } from "./checkpoint.ts";
import { rowsInvalid, weightUnknown } from "./errors.ts";

/** Puts another value in a weight's place (a State, a view over leaves); undefined: the checkpoint's own weight. */
export type WeightView = (name: string, shape: readonly number[]) => Value | undefined;

/** Weights by name, with the shapes that the architecture says. */
export function modelScope(tracer: Tracer, architecture: Architecture, config: ModelConfig, view?: WeightView): ModelScope {
  const shapes = new Map(architecture.weights(config).map(({ name, shape }) => [name, shape]));
  return {
    tracer,
    weight: (name) => {
      const shape = shapes.get(name);
      if (shape === undefined) throw weightUnknown({ weight: name, near: nearNames(name, shapes.keys()) });
      return view?.(name, shape) ?? tracer.weight(name, shape);
    },
  };
}

/**
 * Declares `tokens`, `positions` and the architecture's `tokenInputs` (`[batch, seq]`) and `lengths` (`[batch]`), for a model that reads
 * sources `source…` as well: what {@link padRows} gives.
 */
export function declareInputs(
  tracer: Tracer,
  architecture: Architecture,
  config: ModelConfig,
): Required<Pick<ForwardInputs, "lengths">> & ForwardInputs {
  const batch = dim("batch");
  const rows = (name: string, width: string): Value => tracer.input(name, "i32", [batch, dim(width)]);
  const extra = Object.fromEntries((architecture.tokenInputs?.(config) ?? []).map(({ name }) => [name, rows(name, "seq")]));
  const decoder = {
    tokens: rows("tokens", "seq"),
    positions: rows("positions", "seq"),
    lengths: tracer.input("lengths", "i32", [batch]),
    extra,
  };
  if (architecture.encode === undefined) return decoder;
  return {
    ...decoder,
    source: rows("source", "sourceSeq"),
    sourcePositions: rows("sourcePositions", "sourceSeq"),
    sourceLengths: tracer.input("sourceLengths", "i32", [batch]),
  };
}

export interface ForwardGraphOptions extends TraceOptions {
  readonly view?: WeightView | undefined;
}

/** Traces the forward pass; `finish` turns what the model's head gives into the outputs (default: `{ logits }`, whatever the head). */
export function forwardGraph(
  architecture: Architecture,
  config: ModelConfig,
  finish: (logits: Value, tracer: Tracer, inputs: ForwardInputs) => Readonly<Record<string, Value>> = (logits) => ({ logits }),
  options: ForwardGraphOptions = {},
): Graph {
  return trace((tracer) => {
    const inputs = declareInputs(tracer, architecture, config);
    const logits = architecture.forward(modelScope(tracer, architecture, config, options.view), config, inputs);
    return finish(logits, tracer, inputs);
  }, options);
}

export interface PadOptions {
  /** Columns at least; default: the longest row. */
  readonly width?: number | undefined;
  readonly sourceWidth?: number | undefined;
  /** Numbers per token by input, for the model's `tokenInputs`; rows as long as those of tokens, and what fills them up. */
  readonly extra?: Readonly<Record<string, ExtraRows>> | undefined;
}

export interface ExtraRows {
  /** Absent: every token has the number that fills up. */
  readonly rows?: readonly (readonly number[])[] | undefined;
  readonly otherwise: number;
}

/** Rows as the run-time inputs that {@link declareInputs} declares, zero-padded on the right. Throws `models/rows-invalid`. */
export function padRows(
  rows: readonly (readonly number[])[],
  sources?: readonly (readonly number[])[],
  options: PadOptions = {},
): Record<string, HostTensor> {
  const [tokens, positions, lengths] = padded("tokens", rows, options.width);
  const extra = Object.entries(options.extra ?? {}).map(([name, given]) => [name, extraRows(name, given, rows, tokens.shape)] as const);
  const decoder = { tokens, positions, lengths, ...Object.fromEntries(extra) };
  if (sources === undefined) return decoder;
  if (sources.length !== rows.length) {
    throw rowsInvalid({ field: "sources", expected: `${rows.length} rows, as many as tokens has`, found: `${sources.length}` });
  }
  const [source, sourcePositions, sourceLengths] = padded("sources", sources, options.sourceWidth);
  return { ...decoder, source, sourcePositions, sourceLengths };
}

function extraRows(
  field: string,
  { rows, otherwise }: ExtraRows,
  tokens: readonly (readonly number[])[],
  shape: readonly number[],
): HostTensor {
  const numbers = new Int32Array(shape[0]! * shape[1]!).fill(otherwise);
  if (rows !== undefined && rows.length !== tokens.length)
    throw rowsInvalid({ field, expected: `${tokens.length} rows, as many as tokens has`, found: `${rows.length}` });
  for (const [index, row] of (rows ?? []).entries()) {
    const { length } = tokens[index]!;
    if (row.length !== length)
      throw rowsInvalid({ field: `${field}[${index}]`, expected: `${length} numbers, one per token`, found: `${row.length}` });
    numbers.set(row, index * shape[1]!);
  }
  return i32(shape, numbers);
}

/** A batch's further numbers per token as {@link PadOptions} takes them: all that the model reads, given or not. */
export function extraOf(
  architecture: Architecture,
  config: ModelConfig,
  given: Readonly<Record<string, readonly (readonly number[])[]>> = {},
): Readonly<Record<string, ExtraRows>> {
  const inputs = architecture.tokenInputs?.(config) ?? [];
  return Object.fromEntries(inputs.map(({ name, otherwise }) => [name, { rows: given[name], otherwise }]));
}

function padded(field: string, rows: readonly (readonly number[])[], atLeast = 1): [HostTensor, HostTensor, HostTensor] {
  if (rows.length === 0) throw rowsInvalid({ field, expected: "one row or more", found: "none" });
  const width = Math.max(atLeast, ...rows.map((row) => row.length));
  const ids = new Int32Array(rows.length * width);
  const positions = new Int32Array(rows.length * width);
  for (const [index, row] of rows.entries()) {
    ids.set(row, index * width);
    for (let i = 0; i < width; i++) positions[index * width + i] = i;
  }
  const shape = [rows.length, width];
  return [
    i32(shape, ids),
    i32(shape, positions),
    i32(
      [rows.length],
      rows.map((row) => row.length),
    ),
  ];
}

/**
 * The next of a few widths (four per octave from 32 on), so that rows of many lengths share executables.
 *
 * @param limit positions that the model has: no wider, because a table of positions has no more rows.
 */
export function bucketWidth(length: number, limit: number = Infinity): number {
  const step = Math.max(8, 2 ** (Math.floor(Math.log2(Math.max(length, 1))) - 2));
  return Math.min(Math.ceil(Math.max(length, 1) / step) * step, Math.max(limit, length, 1));
}

/** Tokens of a sequence at most; Infinity where the config names no bound. */
export function contextOf({ contextLength }: ModelConfig): number {
  return typeof contextLength === "number" ? contextLength : Infinity;
}
