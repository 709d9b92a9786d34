import fc from "fast-check";
import { expect, test } from "vitest";
import { defineError, isPareError, nearNames } from "./error.ts";
import { VERSION } from "./version.ts";
import manifest from "../package.json" with { type: "json" };

test("an error says where, what was expected and found, and what to do, and is JSON without its cause", () => {
  const make = defineError<{ found: string }>("test/broken", "When it is broken.", ({ found }) => ({
    message: "it is broken",
    file: "a.json",
    field: "size",
    expected: "1",
    found,
    near: ["sise"],
    next: "Mend it.",
    cause: new Error("deep"),
  }));
  const error = make({ found: "2" });
  expect(error.message).toBe(
    "a.json: size: it is broken\n  expected  1\n  found     2\n  near      sise\n  next      Mend it.\n  code      test/broken",
  );
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    code: "test/broken",
    message: "it is broken",
    file: "a.json",
    field: "size",
    expected: "1",
    found: "2",
    near: ["sise"],
    next: "Mend it.",
  });
  expect((error.cause as Error).message).toBe("deep");
  expect(isPareError(error)).toBe(true);
  expect(isPareError(new Error("other"))).toBe(false);
});

test("near names are nearest first, and a stranger has none", () => {
  expect(nearNames("prune/magnitud", ["prune/heads", "prune/magnitude", "quantize/affine"])).toEqual(["prune/magnitude"]);
  expect(nearNames("prune/heds", ["prune/head", "prune/heads", "distill/x"])).toEqual(["prune/heads", "prune/head"]);
  expect(nearNames("zzzzzz", ["prune/heads"])).toEqual([]);
});

test("a known name is nearest to itself, whatever the others are", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1 }), (names) => nearNames(names[0]!, names)[0] === names[0]),
  );
});

test("the version that cache keys hold is the package's", () => {
  expect(VERSION).toBe(manifest.version);
});
