/** Reverse-mode gradients, graph to graph: the backward pass is traced beside the forward one. */
import { sameShape, showShape } from "./dim.ts";
import { gradientMissing, shapeMismatch, stateMisused } from "./errors.ts";
import { inputsOf, outputsOf, type OpNode, type Value } from "./graph.ts";
import { f32 } from "./host.ts";
import { add, mul } from "./ops/binary.ts";
import { broadcast } from "./ops/broadcast.ts";
import { Recomputation } from "./remat.ts";

/**
 * ∂loss/∂w for every w of `wrt`, in the graph that `loss` belongs to; zeros where loss does not depend on w.
 *
 * @param loss f32 scalar `[]`.
 * Throws `tensor-core/gradient-missing` when an op on the way has no gradient.
 */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0) {
    throw shapeMismatch({ op: "gradients", field: "loss", expected: "a scalar []", found: showShape(loss.shape) });
  }
  const { builder } = loss.node;
  const nodes = [...builder.nodes];
  const touched = new Set(wrt.map(({ id }) => id));
  const path: OpNode[] = [];
  for (const node of nodes) {
    if (node.kind !== "op" || !inputsOf(node).some(({ id }) => touched.has(id))) continue;
    path.push(node);
    for (const output of outputsOf(node)) if (isFloat(output)) touched.add(output.id);
  }
  const adjoints = new Map<number, Value>([[loss.id, builder.constant(f32([], [1]))]]);
  const recomputation = new Recomputation(nodes);
  for (const node of path.reverse()) backward(node, { touched, adjoints, recomputation });
  return wrt.map((value) => adjoints.get(value.id) ?? zerosLike(value));
}

interface Backward {
  /** Values that depend on a wanted one. */
  readonly touched: ReadonlySet<number>;
  readonly adjoints: Map<number, Value>;
  readonly recomputation: Recomputation;
}

/** Adds to `adjoints` what `node` passes back to those of its inputs that lead to a wanted value. */
function backward(node: OpNode, { touched, adjoints, recomputation }: Backward): void {
  const { op } = node;
  const grads = Object.fromEntries(
    Object.entries(node.outputs).flatMap(([name, output]) => {
      const adjoint = adjoints.get(output.id);
      return adjoint === undefined ? [] : [[name, adjoint]];
    }),
  );
  if (Object.keys(grads).length === 0) return;
  if (op.updates !== undefined) throw stateMisused({ state: op.name, why: "an update of State has no gradient" });
  if (op.gradient === undefined) throw gradientMissing({ op: op.name, why: "the op defines none" });
  const back: Readonly<Record<string, Value | undefined>> = op.gradient(
    grads,
    recomputation.values(node.inputs),
    recomputation.values(node.outputs),
    node.attrs,
  );
  for (const [name, gradient] of Object.entries(back)) {
    const input = node.inputs[name];
    if (input === undefined || gradient === undefined || !touched.has(input.id) || !isFloat(input)) continue;
    if (!sameShape(gradient.shape, input.shape)) {
      throw shapeMismatch({ op: `${op.name} gradient`, field: name, expected: showShape(input.shape), found: showShape(gradient.shape) });
    }
    const known = adjoints.get(input.id);
    adjoints.set(input.id, known === undefined ? gradient : add(known, gradient));
  }
}

function zerosLike(value: Value): Value {
  const zero = value.node.builder.constant(f32([], [0]));
  return value.shape.length === 0 ? mul(zero, zero) : broadcast(zero, value.shape);
}

function isFloat({ dtype }: Value): boolean {
  return dtype === "f32" || dtype === "f64";
}
