/** What XLNet alone has: two streams, memory of the segments before, marks at the end. */
import { memoryFiles, readText, writeText } from "@pare/core";
import { openWasm } from "@pare/backend-wasm";
import { compile, createStore, denseOf, f32, openReference, type Dim, type HostTensor, type Value } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { forwardGraph, loadCheckpoint, modelScope, openSegments, padRows, withConfig, xlnet, type Architecture } from "../src/index.ts";
import { compareGolden, goldenFiles, openGolden, type Golden } from "./goldens.ts";
import { registry, smallBert, smallXlnet } from "./models.ts";

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

it("asks about each token without a matrix that says so", async () => {
  const { config, weights } = smallXlnet();
  const device = openReference();
  const store = createStore(device, { weights });
  const graph = forwardGraph(xlnet.define, config, (_, tracer, inputs) => {
    const [batch, seq] = inputs.tokens.shape as [Dim, Dim];
    const scope = modelScope(tracer, xlnet.define, config);
    const asking = (targets: Value | "each") =>
      xlnet.define.forward(scope, config, {
        ...inputs,
        permutation: { hidden: tracer.input("hidden", "f32", [batch, seq, seq]), targets },
      });
    return { named: asking(tracer.input("targets", "f32", [batch, seq, seq])), each: asking("each") };
  });
  const [identity, later] = [0, 1].map((from) =>
    f32(
      [1, 3, 3],
      Float32Array.from({ length: 9 }, (_, at) => Number(from === 0 ? at % 4 === 0 : at % 3 > at / 3)),
    ),
  );
  const tokens = padRows([[1, 4, 3]], undefined, { extra: { tokenTypes: { otherwise: 0 } } });
  const { named, each } = await compile(graph, { store }).run({ ...tokens, hidden: later!, targets: identity! });
  expect(each!.shape).toEqual([1, 3, config.vocabularySize]);
  expect(apart(each!, named!)).toBeLessThan(1e-6);
  await device.close();
});

/** Rows of an i32 matrix. */
function rowsOf({ data, shape }: HostTensor): number[][] {
  const [rows, width] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => Array.from(data.slice(row * width, (row + 1) * width), Number));
}

function apart(found: HostTensor, wanted: HostTensor): number {
  expect(found.shape).toEqual(wanted.shape);
  return Array.from(found.data as ArrayLike<number>, (value, at) => Math.abs(value - Number(wanted.data[at]))).reduce(
    (a, b) => Math.max(a, b),
    0,
  );
}

describe("texts in segments", () => {
  it.each(["xlnet-permuted-token", "xlnet-backward", "xlnet-same-length"])("%s goes on as transformers does", async (fixture) => {
    for (const device of [openReference(), await openWasm({ threads: 1 })]) {
      const { checkpoint, architecture, expected } = await openGolden(fixture, registry, "memory.safetensors");
      const read = (name: string): Promise<HostTensor> => expected.get(name)!.read();
      const segments = openSegments(checkpoint, { device, architecture });
      const first = rowsOf(await read("input/before"));
      const second = { tokens: rowsOf(await read("input/tokens")), extra: { tokenTypes: rowsOf(await read("input/tokenTypes")) } };
      for (let text = 0; text < 2; text++) {
        expect(apart(await segments.read({ tokens: first }), await read("before"))).toBeLessThan(1e-4);
        expect(apart(await segments.read(second), await read("output"))).toBeLessThan(1e-4);
        for (const layer of [0, 1]) {
          const { data, shape } = await segments.store.readState(`memory.${layer}`);
          const wanted = await read(`remembered/${layer}`);
          expect(apart({ dtype: "f32", shape, data }, wanted)).toBeLessThan(1e-4);
        }
        segments.forget();
      }
      await segments.dispose();
      await device.close();
    }
  });

  it("are each read as if alone, whatever the lengths of the others", async () => {
    const device = openReference();
    const checkpoint = smallXlnet();
    const [one, two] = [
      [
        [1, 3, 4, 5],
        [6, 7],
        [3, 3, 3, 4],
      ],
      [[4], [5, 6, 7, 3, 4, 5, 6, 7], []],
    ] as const;
    const alone = async (texts: readonly (readonly number[])[][]): Promise<HostTensor[]> => {
      const segments = openSegments(checkpoint, { device, registry });
      const outputs: HostTensor[] = [];
      for (let part = 0; part < 3; part++) outputs.push(await segments.read({ tokens: texts.map((text) => text[part]!) }));
      await segments.dispose();
      return outputs;
    };
    const together = await alone([[...one], [...two]]);
    for (const [row, text] of [one, two].entries())
      for (const [part, output] of (await alone([[...text]])).entries()) {
        const { data, shape } = together[part]!;
        const begin = row * shape[1]! * shape[2]!;
        output.data.forEach((value, at) => expect(data[begin + at]).toBeCloseTo(Number(value), 5));
      }
    await device.close();
  });

  it("are refused where a model remembers nothing, and where nobody says how much", async () => {
    const device = openReference();
    expect(() => openSegments(smallBert(), { device, registry })).toThrow(expect.objectContaining({ code: "models/memory-missing" }));
    const checkpoint = smallXlnet();
    const silent = withConfig(checkpoint, { ...checkpoint.config, memoryLength: 0 }, checkpoint.weights);
    expect(() => openSegments(silent, { device, registry })).toThrow(expect.objectContaining({ code: "models/rows-invalid" }));
    const segments = openSegments(silent, { device, registry, entries: 3 });
    await segments.read({ tokens: [[1], [2]] });
    await expect(segments.read({ tokens: [[1]] })).rejects.toMatchObject({ code: "models/rows-invalid" });
    await segments.dispose();
    await device.close();
  });
});

describe("a folder of the transformers library", () => {
  it.each([
    ["xlnet-permuted-token", "bi_data", true],
    ["xlnet-permuted-token", "attn_type", "sideways"],
    ["xlnet-permuted-token", "architectures", ["XLNetForQuestionAnswering"]],
    ["xlnet-sequence-classification", "summary_type", "first"],
    ["xlnet-multiple-choice", "summary_use_proj", false],
  ])("%s is refused where %s asks for what is not computed here", async (fixture, field, value) => {
    const files = memoryFiles({}, "folder");
    for (const name of ["config.json", "model.safetensors"]) await files.write(name, [await goldenFiles(fixture).read(name)]);
    const config = JSON.parse(await readText(files, "config.json")) as object;
    await writeText(files, "config.json", JSON.stringify({ ...config, [field]: value }));
    await expect(loadCheckpoint(files, registry)).rejects.toMatchObject({
      code: "models/config-invalid",
      report: { file: "folder/config.json", field },
    });
  });
});

it("shuts heads in both streams by one gate", async () => {
  const { config, weights } = (await openGolden("xlnet-permuted-token", registry)).checkpoint;
  const device = openReference();
  const site = "layers.0.attention.heads";
  const asking: Architecture = {
    ...xlnet.define,
    forward: (scope, own, inputs) => xlnet.define.forward(scope, own, { ...inputs, permutation: { targets: "each" } }),
  };
  const run = async (stored: typeof weights, gate: readonly number[]): Promise<HostTensor> => {
    const store = createStore(device, { weights: stored });
    const graph = forwardGraph(asking, config, undefined, { sites: { [site]: { gate: { input: "gate" } } } });
    const tokens = padRows([[1, 4, 3]], undefined, { extra: { tokenTypes: { otherwise: 0 } } });
    const { logits } = await compile(graph, { store }).run({ ...tokens, gate: f32([4], gate) });
    await store.dispose();
    return logits!;
  };
  const name = "layers.0.attention.output";
  const { data, shape } = await weights.get(name)!.dense();
  // Without the columns that read two of its four heads.
  const halved = denseOf(
    f32(
      shape,
      Float32Array.from(data as Float32Array, (value, at) => (at % 8 < 4 ? value : 0)),
    ),
  );
  const [gated, without, whole] = [
    await run(weights, [1, 0, 1, 0]),
    await run(new Map([...weights, [name, halved]]), [1, 1, 1, 1]),
    await run(weights, [1, 1, 1, 1]),
  ];
  expect(apart(gated, without)).toBeLessThan(1e-6);
  expect(apart(gated, whole)).toBeGreaterThan(1e-4);
  await device.close();
});
