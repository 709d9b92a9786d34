import { join } from "node:path";
import { OPS } from "@pare/tensor-core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { joinVectors, openWasm, vectorsJoined } from "../src/index.ts";
import { joined, outcomesOf } from "./wide-outcomes.ts";

afterEach(() => vi.unstubAllGlobals());

const [major] = process.versions.node.split(".");
const TESTED = process.arch === "x64" && (major === "24" || major === "26");

describe("vectors of 256 bits", () => {
  it("are not used in a process that nobody told to", async () => {
    expect(vectorsJoined()).toBe(false);
    expect((await openWasm()).vectors).toBe(128);
  });

  it("are refused in an engine that they are not tested on", () => {
    const { process } = globalThis;
    const versions = { ...process.versions, v8: "99.1.2" };
    vi.stubGlobal("process", { arch: "x64", execArgv: [], getBuiltinModule: process.getBuiltinModule, versions });
    expect(joinVectors()).toBe(false);
    expect(vectorsJoined()).toBe(false);
  });

  it.skipIf(!TESTED)("give the bytes of 128, in every case of every op", async () => {
    const { vectors, plain, relaxed } = await joined(join(import.meta.dirname, "wide-child.ts"));
    const narrow = await openWasm();
    expect(vectors).toEqual({ joined: "true", plain: "256", relaxed: "256", variant: narrow.variant });
    expect(relaxed).toEqual(await outcomesOf(narrow, OPS));
    expect(plain).toEqual(await outcomesOf(await openWasm({ portable: true }), OPS));
  });
});
