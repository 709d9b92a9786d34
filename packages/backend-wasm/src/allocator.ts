/** Blocks of one WebAssembly memory. */
import { deviceMemoryExceeded } from "@pare/tensor-core";

const PAGE = 65536;
/** Cache lines; SIMD loads never straddle one. */
const ALIGNMENT = 64;
/** Below lie the constants of kernels, and 0, which stands for "not given" in their arguments. */
const FIRST = 4096;

interface Span {
  begin: number;
  end: number;
}

export interface Allocator {
  /** Address of zeroed bytes, 64-byte aligned. Throws `tensor-core/device-memory-exceeded` before anything is taken. */
  readonly allocate: (bytes: number) => number;
  /** Gives back what `allocate(bytes)` gave. */
  readonly free: (address: number, bytes: number) => void;
  /** Bytes handed out at present. */
  readonly used: () => number;
}

/** First fit over a free list in address order, neighbours merged; the memory grows only when nothing fits. */
export function createAllocator(memory: WebAssembly.Memory, limit: number): Allocator {
  const free: Span[] = [];
  /** Nothing at or above this address was ever handed out, so it still holds zeros. */
  let top = FIRST;
  let used = 0;

  const takeFree = (size: number): number | undefined => {
    const index = free.findIndex(({ begin, end }) => end - begin >= size);
    const span = free[index];
    if (span === undefined) return undefined;
    const { begin } = span;
    span.begin += size;
    if (span.begin === span.end) free.splice(index, 1);
    new Uint8Array(memory.buffer, begin, size).fill(0);
    return begin;
  };

  const takeTop = (size: number): number => {
    const refuse = (): Error => deviceMemoryExceeded({ device: "wasm", asked: size, limit: limit - used });
    if (top + size > limit) throw refuse();
    const missing = top + size - memory.buffer.byteLength;
    if (missing > 0) {
      try {
        memory.grow(Math.ceil(missing / PAGE));
      } catch {
        throw refuse();
      }
    }
    const begin = top;
    top += size;
    return begin;
  };

  return {
    allocate: (bytes) => {
      const size = roundUp(bytes);
      const address = takeFree(size) ?? takeTop(size);
      used += size;
      return address;
    },
    free: (address, bytes) => {
      const span = { begin: address, end: address + roundUp(bytes) };
      used -= span.end - span.begin;
      const index = free.findIndex(({ begin }) => begin > address);
      const at = index === -1 ? free.length : index;
      const after = free[at];
      const before = free[at - 1];
      if (after !== undefined && after.begin === span.end) {
        span.end = after.end;
        free.splice(at, 1);
      }
      if (before !== undefined && before.end === span.begin) before.end = span.end;
      else free.splice(at, 0, span);
    },
    used: () => used,
  };
}

/** Never zero, so that every block has an address of its own. */
function roundUp(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}
