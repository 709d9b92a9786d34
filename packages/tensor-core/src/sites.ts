/** What may be asked for at a named site of a traced function. Sites nobody asks for leave no node. */
import type { Dim } from "./dim.ts";
import type { Value } from "./graph.ts";
import { mul } from "./ops/binary.ts";
import { reshape } from "./ops/reshape.ts";
import type { Tracer } from "./trace.ts";

export interface SiteRequest {
  /** Run-time multiplier: an f32 input of this name, shaped as the site's gate axes (`[batch, …gate axes]` with `perExample`). */
  readonly gate?: { readonly input: string; readonly perExample?: boolean | undefined } | undefined;
  /** A traced function of the value that takes its place (fake quantization, noise). */
  readonly transform?: ((value: Value, tracer: Tracer) => Value) | undefined;
  /** Accumulates over runs into a State: XᵀX, norms, min–max. Sees the value after gate and transform. */
  readonly reduce?: ((value: Value, tracer: Tracer) => void) | undefined;
  /** Gives the value as an output of this name. */
  readonly tap?: string | undefined;
  /** The rest of the computation reads an f32 input of this name instead: with a tap further on, one block runs alone. */
  readonly replace?: string | undefined;
}
export type SiteRequests = Readonly<Record<string, SiteRequest>>;

interface Site {
  readonly tracer: Tracer;
  readonly name: string;
  readonly value: Value;
  readonly gateAxes: readonly number[];
}

/** Carries a request out, in the order replace, gate, transform, reduce, tap. */
export function atSite(site: Site, request: SiteRequest): Value {
  const { tracer } = site;
  let { value } = site;
  if (request.replace !== undefined) value = tracer.input(request.replace, value.dtype, value.shape);
  if (request.gate !== undefined) value = mul(value, gateFor({ ...site, value }, request.gate));
  if (request.transform !== undefined) value = request.transform(value, tracer);
  request.reduce?.(value, tracer);
  if (request.tap !== undefined) tracer.output(request.tap, value);
  return value;
}

/** The block between two sites alone: what `from` holds becomes the input `from`, what `to` holds the output `to`. */
export function cut(from: string, to: string): SiteRequests {
  return { [from]: { replace: from }, [to]: { tap: to } };
}

function gateFor({ tracer, value, gateAxes }: Site, gate: NonNullable<SiteRequest["gate"]>): Value {
  const axes = gate.perExample === true ? [0, ...gateAxes] : gateAxes;
  const shape: Dim[] = axes.map((axis) => value.shape[axis]!);
  const input = tracer.input(gate.input, "f32", shape);
  return reshape(
    input,
    value.shape.map((size, axis) => (axes.includes(axis) ? size : 1)),
  );
}
