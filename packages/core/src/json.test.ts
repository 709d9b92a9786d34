import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, isWritten, toJson } from "./json.ts";

/** The same value with the names of every object in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  );
}

test("canonical JSON parses to the value and does not depend on the order of names", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(reversed(value))).toBe(text);
    }),
  );
});

test("values that differ have different canonical JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(canonicalJson(a) === canonicalJson(b)).toBe(
        canonicalJson(JSON.parse(JSON.stringify(a))) === canonicalJson(JSON.parse(JSON.stringify(b))),
      );
      if (JSON.stringify(a) !== JSON.stringify(b) && typeof a !== "object") expect(canonicalJson(a)).not.toBe(canonicalJson(b));
    }),
  );
});

test("names sort by UTF-16 code units as RFC 8785 asks, and undefined is left out", () => {
  expect(canonicalJson({ "\u20ac": 1, "\r": 2, "1": 3, "\ud83d\ude02": 4, a: undefined, "\ufb33": 5 })).toBe(
    '{"\\r":2,"1":3,"\u20ac":1,"\ud83d\ude02":4,"\ufb33":5}',
  );
  expect(canonicalJson(-0)).toBe("0");
});

test("a name like __proto__ is a name like any other", () => {
  expect(canonicalJson(JSON.parse('{"__proto__":{"b":1}}'))).toBe('{"__proto__":{"b":1}}');
});

const cycle: { self?: unknown } = {};
cycle.self = cycle;
test.each([
  ["NaN", { a: [1, Number.NaN] }, "value.a[1]"],
  ["a function", { a: () => 1 }, "value.a"],
  ["a date", { when: new Date(0) }, "value.when"],
  ["a typed array", { data: new Float32Array(1) }, "value.data"],
  ["undefined in an array", [undefined], "value[0]"],
  ["a bigint", 1n, "value"],
  ["a cycle", cycle, "value.self"],
])("%s is refused by its place", (_name, value, field) => {
  expect(() => canonicalJson(value)).toThrow(
    expect.objectContaining({ code: "core/not-json", report: expect.objectContaining({ field }) }),
  );
});

test("a live value is written as the reference it was made from", () => {
  const step = { use: "prune/heads", version: 2, options: { fraction: 0.5 }, run: () => {} };
  expect(isWritten(step)).toBe(true);
  expect(toJson({ retrain: step }, "options")).toEqual({ retrain: { use: "prune/heads", version: 2, fraction: 0.5 } });
  expect(isWritten({ use: "prune/heads", version: 2, options: {} })).toBe(false);
});
