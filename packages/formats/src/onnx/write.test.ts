import { memoryFiles } from "@pare/core";
import {
  attention,
  compile,
  createStore,
  crossEntropy,
  defineOp,
  apply,
  denseOf,
  dim,
  f32,
  linear,
  openReference,
  relu,
  rows,
  trace,
  type Graph,
  type StoredWeight,
  type Value,
} from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import { onnxF16, onnxInt8Static, onnxLowering, writeOnnx, type OnnxExport } from "../index.ts";
import { decodeMessage, type OnnxModel } from "./proto.ts";

const weights = new Map<string, StoredWeight>([["w", denseOf(f32([3, 2], [1, 2, 3, 4, 5, 6]))]]);
const graph = trace((t) => ({ y: relu(linear(t.input("x", "f32", [dim("batch"), dim("seq"), 2]), t.weight("w", [3, 2]))) }));

async function written(model: OnnxExport): Promise<OnnxModel> {
  const files = memoryFiles();
  await writeOnnx(files, "m.onnx", model);
  return decodeMessage("ModelProto", await files.read("m.onnx"));
}

describe("writeOnnx", () => {
  it("states its opset and keeps named dimensions", async () => {
    const { opsetImport, graph: found } = await written({ graph, weights });
    expect(opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 20n]]);
    expect(found!.input[0]!.type!.tensorType!.shape!.dim.map(({ dimParam, dimValue }) => dimParam || dimValue)).toEqual([
      "batch",
      "seq",
      2n,
    ]);
    expect(found!.node.map(({ opType }) => opType)).toEqual(["MatMul", "Relu", "Identity"]);
  });

  it("gives the same bytes each time", async () => {
    const files = memoryFiles();
    await writeOnnx(files, "a", { graph, weights, metadata: { key: "value" } });
    await writeOnnx(files, "b", { graph, weights, metadata: { key: "value" } });
    expect(await files.read("a")).toEqual(await files.read("b"));
  });

  it("stores a table that also gives logits once", async () => {
    const tied = trace((t) => {
      const w = t.weight("w", [3, 2]);
      return { y: linear(rows(w, t.input("ids", "i32", [dim("n")])), w) };
    });
    const { graph: found } = await written({ graph: tied, weights });
    expect(found!.initializer.map(({ name }) => name)).toEqual(["w"]);
  });

  it("refuses ops without a lowering by name, and takes one from a pack", async () => {
    const logits = (t: Parameters<Parameters<typeof trace>[0]>[0]): Value => t.input("x", "f32", [4, 5]);
    const loss = trace((t) => ({ y: crossEntropy(logits(t), t.input("targets", "i32", [4])) }));
    await expect(written({ graph: loss, weights })).rejects.toMatchObject({
      code: "formats/onnx-lowering-missing",
      report: { field: "cross-entropy" },
    });
    const twice = defineOp({
      name: "twice",
      inputs: ["x"],
      outputs: ["y"],
      infer: ({ x }) => ({ y: x }),
      reference: ({ x }) => ({ y: x }),
      cases: () => [],
    });
    const own: Graph = trace((t) => ({ y: apply(twice, { x: logits(t) }, {}).y }));
    const lowering = onnxLowering(twice, (builder, { x }) => ({ y: builder.node("Add", [x, x]) }));
    const pack = { kind: "pack", id: "mine", version: 1, apiVersion: 1, package: "mine", backend: "onnx", lowerings: [lowering] } as const;
    expect((await written({ graph: own, weights, packs: [pack as never] })).graph!.node[0]!.opType).toBe("Add");
  });

  it("refuses State that nobody binds, ranges that are missing, and numbers that f16 cannot hold, before a file stands", async () => {
    const state = trace((t) => ({ y: relu(t.state("memory", "f32", [2])) }));
    await expect(written({ graph: state, weights })).rejects.toMatchObject({ code: "formats/onnx-state-unbound" });
    await expect(written({ graph, weights, flavour: onnxInt8Static(new Map()) })).rejects.toMatchObject({
      code: "formats/onnx-range-missing",
    });
    const files = memoryFiles();
    const large = new Map([["w", denseOf(f32([3, 2], [1, 2, 3, 70_000, 5, 6]))]]);
    await expect(writeOnnx(files, "m.onnx", { graph, weights: large, flavour: onnxF16 })).rejects.toMatchObject({
      code: "formats/onnx-value-range",
    });
    expect(await files.list()).toEqual([]);
  });

  it("puts weights past the threshold into a file beside it, aligned", async () => {
    const files = memoryFiles();
    const table = denseOf(f32([300, 2], new Float32Array(600).fill(3)));
    const two = trace((t) => ({ y: linear(rows(t.weight("t", [300, 2]), t.input("ids", "i32", [4])), t.weight("u", [300, 2])) }));
    const all = new Map([
      ["t", table],
      ["u", table],
    ]);
    const result = await writeOnnx(files, "onnx/m.onnx", { graph: two, weights: all }, { externalFrom: 100 });
    expect(result.external).toBe("onnx/m.onnx_data");
    expect(await files.size("onnx/m.onnx_data")).toBe(4096 + 2400);
    const { graph: found } = decodeMessage("ModelProto", await files.read("onnx/m.onnx"));
    const external = found!.initializer.map(({ externalData }) => Object.fromEntries(externalData.map(({ key, value }) => [key, value])));
    expect(external).toEqual([
      { location: "m.onnx_data", offset: "0", length: "2400" },
      { location: "m.onnx_data", offset: "4096", length: "2400" },
    ]);
  });

  it("shares masks between layers that see alike", async () => {
    const causal = trace((t) => {
      const x = t.input("x", "f32", [1, dim("seq"), 1, 2]);
      const once = attention(x, x, x, { scale: 1, causal: true, keyValueHeads: [0] });
      return { y: attention(once, once, once, { scale: 1, causal: true, keyValueHeads: [0] }) };
    });
    const { graph: found } = await written({ graph: causal, weights });
    expect(found!.node.filter(({ opType }) => opType === "Where")).toHaveLength(1);
    const { y } = await compile(causal, { store: createStore(openReference(), { weights }) }).run({
      x: f32([1, 3, 1, 2], [1, 2, 3, 4, 5, 6]),
    });
    expect(y!.shape).toEqual([1, 3, 1, 2]);
  });
});
