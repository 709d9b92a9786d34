/**
 * A pass over files of `assembly/lib`: vectors of one constant become broadcast loads from a table at a fixed address, below all
 * tensors. V8 builds such a vector from immediates each time around a loop, which took half the time of exp and GELU.
 */

/** Address of the table; the device writes it, `kernels/assembly` reads it. */
const TABLE = 64;
/** Numbers that fit between the table and where a pack's is put beside it for comparison. */
const ROOM = 112;

export interface Pool {
  readonly texts: readonly string[];
  /** `f32_constants(to)` writes the table and gives its length in bytes. */
  readonly writer: string;
}

export function poolConstants(texts: readonly string[]): Pool {
  const stores: string[] = [];
  const pooled = texts.map((text) =>
    text.replaceAll(CONSTANT, (_, type: string, value: string) => {
      const store = `store<${type}>(to + ${"#"}, <${type}>${value});`;
      if (!stores.includes(store)) stores.push(store);
      return `v128.load32_splat(${TABLE + 4 * stores.indexOf(store)})`;
    }),
  );
  if (stores.length > ROOM) throw new Error(`kernels/assembly/lib holds ${stores.length} constants; there is room for ${ROOM}`);
  const body = stores.map((store, i) => store.replace("#", String(4 * i))).join(" ");
  return { texts: pooled, writer: `export function f32_constants(to: usize): i32 { ${body} return ${4 * stores.length}; }` };
}

/** Zero is left out: one instruction makes it. */
const CONSTANT = /\b([fi]32)x4\.splat\((-?(?!0\))(?:\d[\w.]*(?:e-?\d+)?|NaN|Infinity))\)/g;
