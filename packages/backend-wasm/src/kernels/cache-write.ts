import { byteSize, cacheWriteOp, type Kernel } from "@pare/tensor-core";
import { implement, type WasmTypes } from "../types.ts";

export const cacheWriteKernel: Kernel<WasmTypes> = implement(cacheWriteOp, (encoder, { cache, rows, starts }) => {
  const [batch, capacity, heads, width] = cache.shape as [number, number, number, number];
  const bytes = heads * width * byteSize(cache.dtype);
  encoder.call("u8_cache_write", cache.address, rows.address, starts.address, batch, capacity, rows.shape[1]!, bytes);
});
