/** What XLNet alone has: two streams, memory of the segments before, marks at the end. */
import { openWasm } from "@pare/backend-wasm";
import { openReference, type Dim, type HostTensor } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import type { Architecture } from "../src/index.ts";
import { compareGolden, openGolden, type Golden } from "./goldens.ts";
import { registry } from "./models.ts";

const CASES: [fixture: string, name: string][] = [
  ["xlnet-permuted-token", "two-streams"],
  ["xlnet-permuted-token", "memory"],
  ["xlnet-permuted-token", "two-streams-memory"],
  ["xlnet-backward", "memory"],
  ["xlnet-backward", "two-streams-memory"],
  ["xlnet-same-length", "memory"],
  ["xlnet-same-length", "two-streams-memory"],
];

/** The tensors of a case that go in by their names, i32 or f32. */
async function givenOf({ expected }: Golden): Promise<Record<string, HostTensor>> {
  const names = [...expected.keys()].filter((name) => /^(memory\/|input\/(hidden|targets)$)/.test(name));
  const given = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await expected.get(name)!.read()] as const)));
  const [rows, entries] = given["memory/0"]?.shape ?? [];
  if (rows === undefined) return given;
  return { ...given, memoryLengths: { dtype: "i32", shape: [rows], data: new Int32Array(rows).fill(entries!) } };
}

/** The model with a permutation and a memory that are given at run time. */
function reading(architecture: Architecture, given: Readonly<Record<string, HostTensor>>): Architecture {
  const states = Object.keys(given).filter((name) => name.startsWith("memory/"));
  return {
    ...architecture,
    forward: (scope, config, inputs) => {
      const [batch, seq] = inputs.tokens.shape as [Dim, Dim];
      const input = (name: string, ...inner: Dim[]) => scope.tracer.input(name, given[name]!.dtype, [batch, ...inner]);
      const targets = given["input/targets"]?.shape[1];
      const permutation = targets && { hidden: input("input/hidden", seq, seq), targets: input("input/targets", targets, seq) };
      const memory = states.length > 0 && {
        states: states.map((name) => input(name, ...given[name]!.shape.slice(1))),
        lengths: input("memoryLengths"),
      };
      return architecture.forward(scope, config, { ...inputs, permutation: permutation || undefined, memory: memory || undefined });
    },
  };
}

describe.each(CASES)("%s: %s", (fixture, name) => {
  it.each(["reference", "wasm"])("is what transformers computes, forward and backward, on %s", async (kind) => {
    const device = kind === "reference" ? openReference() : await openWasm({ threads: 1 });
    const golden = await openGolden(fixture, registry, `${name}.safetensors`);
    const inputs = await givenOf(golden);
    const architecture = reading(golden.architecture, inputs);
    const stream = "input/targets" in inputs ? "query." : "";
    const found = await compareGolden({ ...golden, architecture }, device, { inputs, stream });
    await device.close();
    expect(found.output).toBeLessThan(1e-4);
    expect(found.hidden).toBeLessThan(1e-4);
    expect(found.attention).toBeLessThan(1e-4);
    expect(found.gradient).toBeLessThan(1e-3);
  });
});
