/** Tracing: a plain function over tensors becomes a graph, with what was asked for at its sites. */
import { nearNames } from "@pare/core";
import type { DType } from "./dtype.ts";
import type { Shape } from "./dim.ts";
import { sameShape, showShape } from "./dim.ts";
import { outputRepeated, shapeMismatch, siteReadOnly, siteUnknown, stateMisused } from "./errors.ts";
import { GraphBuilder, type Graph, type Value } from "./graph.ts";
import { f32, type HostTensor } from "./host.ts";
import { atSite, type SiteRequests } from "./sites.ts";

/** What a traced function may use besides ops. */
export interface Tracer {
  /** Given anew at every run. */
  readonly input: (name: string, dtype: DType, shape: Shape) => Value;
  /** A tensor that lives on the device across runs: parameter, optimizer moment, cache. */
  readonly state: (name: string, dtype: DType, shape: Shape) => Value;
  /** A named weight of the checkpoint, logically dense f32 of this shape whatever its storage. */
  readonly weight: (name: string, shape: readonly number[]) => Value;
  readonly constant: (tensor: HostTensor | number) => Value;
  /** The State holds `value` after the run. Once per State. */
  readonly assign: (state: Value, value: Value) => void;
  /**
   * Names a point of the computation. Gives `value` back unless something was asked for here.
   *
   * @param gateAxes axes of `value` that a gate at this site has (heads: `[2]` of `[batch, seq, heads, dim]`).
   */
  readonly site: (name: string, value: Value, gateAxes?: readonly number[]) => Value;
  /**
   * Names a value that the computation itself does not make (attention weights, which kernels never write out): `make` runs only where
   * something was asked for, a tap or a reduction. Throws `tensor-core/site-read-only` for a request that would change it.
   */
  readonly observe: (name: string, make: () => Value) => void;
  /** A further output of the graph, for code that is deep inside. Throws `tensor-core/output-repeated` where another value has the name. */
  readonly output: (name: string, value: Value) => void;
}

export interface TraceOptions {
  readonly sites?: SiteRequests | undefined;
  /**
   * Chains of sites: what lies between two that follow each other is a region whose values the backward pass computes anew (see `remat`).
   * Throws `tensor-core/site-unknown`.
   */
  readonly remat?: readonly (readonly string[])[] | undefined;
}

/** Runs `body` on symbolic tensors; what it returns become the outputs of the graph. Throws `tensor-core/site-unknown`, `tensor-core/output-repeated`. */
export function trace(body: (tracer: Tracer) => Readonly<Record<string, Value>>, options: TraceOptions = {}): Graph {
  const builder = new GraphBuilder();
  const outputs: Record<string, Value> = {};
  const updates: Record<string, Value> = {};
  const seen = new Set<string>();
  const requests = options.sites ?? {};
  const before = new Map((options.remat ?? []).flatMap((chain) => chain.slice(1).map((site, i) => [site, chain[i]!])));
  const passed = new Map<string, number>();
  const tracer: Tracer = {
    input: (name, dtype, shape) => builder.leaf({ kind: "input", name }, { dtype, shape }),
    state: (name, dtype, shape) => builder.leaf({ kind: "state", name }, { dtype, shape }),
    weight: (name, shape) => builder.leaf({ kind: "weight", name }, { dtype: "f32", shape }),
    constant: (tensor) => builder.constant(typeof tensor === "number" ? f32([], [tensor]) : tensor),
    assign: (state, value) => {
      const { node } = state;
      if (node.kind !== "leaf" || node.leaf.kind !== "state") throw stateMisused({ state: "value", why: "only a State can be assigned" });
      const { name } = node.leaf;
      if (updates[name] !== undefined) throw stateMisused({ state: name, why: "this State is assigned twice in one run" });
      if (state.dtype !== value.dtype || !sameShape(state.shape, value.shape)) {
        throw shapeMismatch({
          op: "assign",
          field: name,
          expected: `${state.dtype} ${showShape(state.shape)}`,
          found: `${value.dtype} ${showShape(value.shape)}`,
        });
      }
      updates[name] = value;
    },
    site: (name, value, gateAxes) => {
      seen.add(name);
      const request = requests[name];
      const result = request === undefined ? value : atSite({ tracer, name, value, gateAxes: gateAxes ?? [] }, request);
      const from = passed.get(before.get(name) ?? "");
      if (from !== undefined) builder.markRegion(from);
      passed.set(name, builder.nodes.length);
      return result;
    },
    observe: (name, make) => {
      seen.add(name);
      const request = requests[name];
      if (request === undefined) return;
      const wrong = (["gate", "transform", "replace"] as const).find((one) => request[one] !== undefined);
      if (wrong !== undefined) throw siteReadOnly({ site: name, request: wrong });
      atSite({ tracer, name, value: make(), gateAxes: [] }, request);
    },
    output: (name, value) => {
      if (outputs[name] !== undefined && outputs[name].id !== value.id) throw outputRepeated({ output: name });
      outputs[name] = value;
    },
  };
  for (const [name, value] of Object.entries(body(tracer))) tracer.output(name, value);
  for (const name of [...Object.keys(requests), ...before.keys(), ...before.values()]) {
    if (!seen.has(name)) throw siteUnknown({ site: name, near: nearNames(name, seen) });
  }
  return { nodes: builder.nodes, outputs, updates };
}

/** Names of the sites that `body` passes, in order. */
export function sitesOf(body: (tracer: Tracer) => Readonly<Record<string, Value>>): string[] {
  const names: string[] = [];
  trace((tracer) => body({ ...tracer, site: (name, value) => (names.push(name), value), observe: (name) => void names.push(name) }));
  return names;
}
