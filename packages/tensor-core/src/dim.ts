/** Dimensions: numbers, or polynomials of named sizes (`batch`, `2*seq`, `batch*seq`) that are bound at compile time. */
import { dimUnbound, namedDimAsNumber } from "./errors.ts";

/** A polynomial with integer coefficients: monomial (names joined by `*`, sorted; "" is the constant) → coefficient. */
export class DimExpression {
  readonly terms: Readonly<Record<string, number>>;

  constructor(terms: Readonly<Record<string, number>>) {
    this.terms = terms;
  }

  toString(): string {
    return Object.entries(this.terms)
      .map(([monomial, coefficient]) => (monomial === "" ? `${coefficient}` : coefficient === 1 ? monomial : `${coefficient}*${monomial}`))
      .join("+");
  }

  [Symbol.toPrimitive](hint: string): string {
    if (hint === "number") throw namedDimAsNumber({ dim: this.toString() });
    return this.toString();
  }
}

export type Dim = number | DimExpression;
export type Shape = readonly Dim[];
export type Dims = Readonly<Record<string, number>>;

/** A dimension of this name; its number is known when a graph is bound. */
export function dim(name: string): Dim {
  return new DimExpression({ [name]: 1 });
}

/** a + b. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const terms = { ...termsOf(a) };
  for (const [monomial, coefficient] of Object.entries(termsOf(b))) terms[monomial] = (terms[monomial] ?? 0) + coefficient;
  return canonical(terms);
}

/** a · b. */
export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const terms: Record<string, number> = {};
  for (const [left, x] of Object.entries(termsOf(a))) {
    for (const [right, y] of Object.entries(termsOf(b))) {
      const monomial = [...left.split("*"), ...right.split("*")]
        .filter((name) => name !== "")
        .sort()
        .join("*");
      terms[monomial] = (terms[monomial] ?? 0) + x * y;
    }
  }
  return canonical(terms);
}

/** a − b. */
export function subDims(a: Dim, b: Dim): Dim {
  return addDims(a, mulDims(-1, b));
}

/** Whether both are the same polynomial, however they were computed. */
export function sameDim(a: Dim, b: Dim): boolean {
  return typeof a === "number" || typeof b === "number" ? a === b : a.toString() === b.toString();
}

/** Whether both have the same dimensions. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, axis) => sameDim(d, b[axis]!));
}

/** Product of the dimensions; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

/** Product of dimensions that may be named; 1 for a scalar. */
export function symbolicSize(shape: Shape): Dim {
  return shape.reduce<Dim>((product, d) => mulDims(product, d), 1);
}

/** The number of a dimension; throws `tensor-core/dim-unbound`. */
export function bindDim(d: Dim, dims: Dims): number {
  if (typeof d === "number") return d;
  let total = 0;
  for (const [monomial, coefficient] of Object.entries(d.terms)) {
    let product = coefficient;
    for (const name of monomial === "" ? [] : monomial.split("*")) {
      const size = dims[name];
      if (size === undefined) throw dimUnbound({ dim: name, known: Object.keys(dims) });
      product *= size;
    }
    total += product;
  }
  return total;
}

/** The numbers of a shape; throws `tensor-core/dim-unbound`. */
export function bindShape(shape: Shape, dims: Dims): number[] {
  return shape.map((d) => bindDim(d, dims));
}

/** `[batch, 3]`, for messages. */
export function showShape(shape: Shape): string {
  return `[${shape.map(String).join(", ")}]`;
}

function termsOf(d: Dim): Readonly<Record<string, number>> {
  return typeof d === "number" ? { "": d } : d.terms;
}

function canonical(terms: Readonly<Record<string, number>>): Dim {
  const kept = Object.entries(terms)
    .filter(([, coefficient]) => coefficient !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0]![0] === "") return kept[0]![1];
  return new DimExpression(Object.fromEntries(kept));
}
