import { OPS } from "@pare/tensor-core";
import { runCase, type AnyCase } from "@pare/tensor-core/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openWasm } from "../src/index.ts";
import { wideCompiler } from "../src/wide.ts";

afterEach(() => vi.unstubAllGlobals());

describe("vectors of 256 bits", () => {
  it("are what the device says where the engine can be made to use them, and not otherwise", async () => {
    expect((await openWasm()).vectors).toBe(wideCompiler() === undefined ? 128 : 256);
    expect((await openWasm({ wide: false })).vectors).toBe(128);
  });

  it("are left alone in an engine that they are not tested on, or whose flags somebody else has set", () => {
    const { process } = globalThis;
    vi.stubGlobal("process", { ...process, getBuiltinModule: process.getBuiltinModule, versions: { ...process.versions, v8: "99.1.2" } });
    expect(wideCompiler()).toBeUndefined();
    vi.stubGlobal("process", { ...process, getBuiltinModule: process.getBuiltinModule, execArgv: ["--no-liftoff"] });
    expect(wideCompiler()).toBeUndefined();
  });

  it.skipIf(wideCompiler() === undefined).each([{ portable: true }, { portable: false }])(
    "give the bytes of 128, in every case of every op, %o",
    async (variant) => {
      const [wide, narrow] = [await openWasm(variant), await openWasm({ ...variant, wide: false })];
      for (const op of OPS.filter(({ view }) => view !== true)) {
        for (const one of op.cases() as Iterable<AnyCase>) {
          for (const constant of op.updates === undefined ? [false, true] : [false]) {
            const [found, expected] = [
              await runCase(wide, op, one, { runs: 1, constant }),
              await runCase(narrow, op, one, { runs: 1, constant }),
            ];
            expect([op.name, one.name, found.outputs]).toEqual([op.name, one.name, expected.outputs]);
          }
        }
      }
    },
  );
});
