import { expect, it } from "vitest";
import { createAllocator } from "./allocator.ts";
import { createRepacked } from "./repacked.ts";

const fails = (): never => expect.unreachable();

it("makes a copy once, keeps it with its source and takes no more than its limit", () => {
  const allocator = createAllocator(new WebAssembly.Memory({ initial: 1 }), 65536);
  const pool = createRepacked(allocator, 1000);
  const filled: number[] = [];
  const first = pool.take(4096, "a", 600, (address) => filled.push(address));
  expect(filled).toEqual([first]);
  expect(pool.take(4096, "a", 600, fails)).toBe(first);
  expect(pool.take(4096, "b", 600, fails)).toBeUndefined();
  pool.drop(4000, 96);
  expect(pool.take(4096, "a", 600, fails)).toBe(first);
  pool.drop(4000, 97);
  expect(allocator.used()).toBe(0);
  expect(pool.take(5000, "b", 600, () => undefined)).toBe(first);
});

it("gives none where the memory itself has no room", () => {
  const pool = createRepacked(createAllocator(new WebAssembly.Memory({ initial: 1, maximum: 1 }), 65536), 2 ** 30);
  expect(pool.take(4096, "a", 100_000, fails)).toBeUndefined();
});
