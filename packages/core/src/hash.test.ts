import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryFiles } from "./files.ts";
import { hashContent, hashJson, readPieces } from "./hash.ts";

const MIB = 1 << 20;

test("hashJson is the SHA-256 of the canonical JSON", async () => {
  expect(await hashJson({ b: 1, a: "x" })).toBe(createHash("sha256").update('{"a":"x","b":1}').digest("hex"));
});

test("content has one hash however it was cut", async () => {
  const bytes = Uint8Array.from({ length: 9 * MIB + 3 }, (_, i) => (i * 2654435761) >>> 24);
  const whole = await hashContent([bytes]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 6 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      expect(await hashContent(at.slice(1).map((end, i) => bytes.subarray(at[i], end)))).toBe(whole);
    }),
    { numRuns: 6 },
  );
  expect(await hashContent(readPieces(memoryFiles({ a: bytes }), "a"))).toBe(whole);
  const other = bytes.slice();
  other[8 * MIB]! ^= 1;
  expect(await hashContent([other])).not.toBe(whole);
});

test("the length is part of the hash", async () => {
  expect(await hashContent([])).not.toBe(await hashContent([new Uint8Array(1)]));
});
