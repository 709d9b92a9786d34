import { cacheWriteOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";

export const cacheWriteKernel: Kernel<WebgpuTypes> = implement(cacheWriteOp, (encoder, { rows, starts }, { cache }) => {
  const [, capacity, heads, width] = cache.shape as [number, number, number, number];
  encodeElements(encoder, rows.size, {
    kernel: "u32_cache_write",
    reads: { rows, starts },
    writes: { cache },
    sizes: { written: rows.shape[1]! * heads * width, whole: capacity * heads * width, token: heads * width },
    body: `let b = i / p.written;
  let at = word_starts(b) * p.token + i % p.written;
  if (at < p.whole) { write_word_cache(b * p.whole + at, word_rows(i)); }`,
  });
});
