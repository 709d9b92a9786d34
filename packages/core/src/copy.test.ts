import { expect, test } from "vitest";
import { claimCore } from "./copy.ts";
import { createRegistry } from "./registry.ts";

test("a second copy is refused and both are named; the same copy loaded anew is not", () => {
  createRegistry();
  expect(() => claimCore("file:///other/node_modules/@pare/core/dist/copy.js")).toThrow(
    expect.objectContaining({
      code: "core/second-copy",
      report: expect.objectContaining({
        expected: expect.stringContaining("copy.ts"),
        found: expect.stringContaining("/other/node_modules/@pare/core"),
      }),
    }),
  );
  expect(() => claimCore(`${new URL("copy.ts", import.meta.url).href}?t=1`)).not.toThrow();
});
