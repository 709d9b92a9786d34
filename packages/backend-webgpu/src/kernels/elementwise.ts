/** What kernels over single elements share: an invocation per element. */
import type { Call, WebgpuEncoder } from "../types.ts";

export const LANES = 64;

/** Body of an invocation that has element `i` below `p.count`. */
export function perElement(body: string): string {
  return `let i = group * ${LANES}u + lane; if (i >= p.count) { return; } ${body}`;
}

export function encodeElements(encoder: WebgpuEncoder, count: number, call: Omit<Call, "lanes" | "groups">): void {
  encoder.call({
    ...call,
    body: perElement(call.body),
    sizes: { count, ...call.sizes },
    lanes: LANES,
    groups: Math.ceil(count / LANES),
  });
}
