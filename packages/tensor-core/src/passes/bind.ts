import { DimExpression, bindDim, bindShape, type Dim, type Dims, type Shape } from "../dim.ts";
import { shapeMismatch } from "../errors.ts";
import type { Graph } from "../graph.ts";
import { rewrite } from "./rewrite.ts";

/** Every named dimension becomes its number, in shapes and attributes. Throws `tensor-core/dim-unbound`. */
export function bindGraph(graph: Graph, dims: Dims): Graph {
  return rewrite(graph, {
    leaf: ({ leaf, value }, { builder }) => builder.leaf(leaf, { dtype: value.dtype, shape: bindShape(value.shape, dims) }),
    op: ({ op, attrs }, inputs, { builder }) => builder.apply(op, inputs as never, bindAttrs(attrs, dims) as never),
  });
}

/** Reads the named dimensions of `shape` off the shape a tensor really has, into `dims`. Throws `tensor-core/shape-mismatch`. */
export function unify(name: string, shape: Shape, actual: readonly number[], dims: Record<string, number>): void {
  const fail = (): never => {
    throw shapeMismatch({ op: "run", field: name, expected: `[${shape.map(String).join(", ")}]`, found: `[${actual.join(", ")}]` });
  };
  if (shape.length !== actual.length) fail();
  shape.forEach((expected, axis) => {
    const symbol = nameOf(expected);
    if (symbol !== undefined && dims[symbol] === undefined) dims[symbol] = actual[axis]!;
  });
  shape.forEach((expected, axis) => {
    if (canBind(expected, dims) && bindDim(expected, dims) !== actual[axis]) fail();
  });
}

function nameOf(d: Dim): string | undefined {
  if (typeof d === "number") return undefined;
  const [[monomial, coefficient] = ["", 0], ...rest] = Object.entries(d.terms);
  return rest.length === 0 && coefficient === 1 && !monomial.includes("*") ? monomial : undefined;
}

function canBind(d: Dim, dims: Dims): boolean {
  return (
    typeof d === "number" || Object.keys(d.terms).every((monomial) => monomial === "" || monomial.split("*").every((name) => name in dims))
  );
}

function bindAttrs(value: unknown, dims: Dims): unknown {
  if (value instanceof DimExpression) return bindDim(value, dims);
  if (Array.isArray(value)) return value.map((item) => bindAttrs(item, dims));
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bindAttrs(item, dims)]));
  }
  return value;
}
