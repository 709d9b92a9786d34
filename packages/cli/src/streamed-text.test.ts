import { expect, test } from "vitest";
import { streamedText } from "./streamed-text.ts";

const bytes = new TextEncoder().encode("é → 日本");
const decode = (ids: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(ids, (id) => bytes[id]!));
const ids = Array.from(bytes.keys());

test("gives every character once, whole", () => {
  const text = streamedText(decode);
  const parts = ids.map((_, i) => text.push(ids.slice(0, i + 1)));
  expect(parts.join("")).toBe("é → 日本");
  expect(parts.join("")).not.toContain("\uFFFD");
  expect(parts[0]).toBe("");
  expect(parts[1]).toBe("é");
});

test("what stays incomplete comes at the end", () => {
  const text = streamedText(decode);
  expect(text.push(ids.slice(0, 1))).toBe("");
  expect(text.flush(ids.slice(0, 1))).toBe("\uFFFD");
});
