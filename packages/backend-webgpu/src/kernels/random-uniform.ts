import { randomUniformOp, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";

/** Philox4x32-10, an invocation per block of four. WGSL has no wide product: its upper half is put together from four of 16 bits. */
const PHILOX = `
fn high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}
fn philox(counter: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var key = seed;
  for (var round = 0u; round < 10u; round++) {
    c = vec4(high(0xcd9e8d57u, c.z) ^ c.y ^ key.x, 0xcd9e8d57u * c.z, high(0xd2511f53u, c.x) ^ c.w ^ key.y, 0xd2511f53u * c.x);
    key += vec2(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

export const randomUniformKernel: Kernel<WebgpuTypes> = implement(randomUniformOp, (encoder, { seed }, { y }, { stream }) =>
  encodeElements(encoder, Math.ceil(y.size / 4), {
    kernel: "f32_random_uniform",
    reads: { seed },
    writes: { y },
    sizes: { stream, size: y.size },
    declare: PHILOX,
    body: `let words = philox(vec4(i, 0u, p.stream, 0u), vec2(word_seed(0u), word_seed(1u)));
  for (var part = 0u; part < 4u; part++) {
    if (4u * i + part < p.size) { write_y(4u * i + part, f32(words[part] >> 8u) * 0x1p-24); }
  }`,
  }),
);
