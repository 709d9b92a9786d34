/** Shapes of real models, one file each: the products of a forward pass over so many tokens. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface ShapesFile {
  readonly model: string;
  /** Where the sizes are from. */
  readonly source: string;
  /** x `[m, k]` · Wᵀ with W `[n, k]`. */
  readonly products: readonly { readonly what: string; readonly m: number; readonly k: number; readonly n: number }[];
}

export interface ProductShape {
  /** [m, k, n] */
  readonly shape: readonly [number, number, number];
  /** Models that compute it. */
  readonly models: readonly string[];
}

const FOLDER = join(import.meta.dirname, "shapes");

/** Every shape once, with all models that have it. Smoke: the smallest of each file. */
export function productsOf(smoke: boolean): ProductShape[] {
  const found = new Map<string, { shape: readonly [number, number, number]; models: string[] }>();
  for (const file of readdirSync(FOLDER).sort()) {
    const { model, products } = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as ShapesFile;
    const bySize = products.toSorted((a, b) => a.m * a.k * a.n - b.m * b.k * b.n);
    for (const { m, k, n } of smoke ? bySize.slice(0, 1) : products) {
      const entry = found.get([m, k, n].join()) ?? { shape: [m, k, n] as const, models: [] };
      if (!entry.models.includes(model)) entry.models.push(model);
      found.set([m, k, n].join(), entry);
    }
  }
  return [...found.values()];
}
