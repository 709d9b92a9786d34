/** compressed-tensors folders: codes go out and come back as they are, and what the format cannot say is said. */
import { createRegistry, memoryFiles, readText, writeText, type FileSet } from "@pare/core";
import { readSafetensors } from "@pare/formats";
import { affineOf, denseOf, f32, packCodes, packedRowBytes, zeros, type HostTensor, type StoredWeight } from "@pare/tensor-core";
import { describe, expect, it } from "vitest";
import {
  builtIn,
  compressedTensorsExporter,
  createModel,
  llama,
  llamaConfig,
  loadCheckpoint,
  withWeights,
  type Checkpoint,
  type ExportResult,
} from "../src/index.ts";

const registry = createRegistry(...builtIn, compressedTensorsExporter);

interface Coding {
  readonly bits: number;
  readonly groupSize?: number;
  readonly asymmetric?: boolean;
  readonly perTensor?: boolean;
}

function coded(
  [rows, columns]: readonly [number, number],
  { bits, groupSize = columns, asymmetric = false, perTensor = false }: Coding,
): StoredWeight {
  const groups = Math.ceil(columns / groupSize);
  const shape = perTensor ? [1, 1] : [rows, groups];
  const count = shape[0]! * shape[1]!;
  const codes = Uint8Array.from({ length: rows * columns }, (_, index) => (index * 37 + 5) % 2 ** bits);
  const zero: HostTensor = { dtype: "u8", shape, data: Uint8Array.from({ length: count }, (_, index) => (index * 3) % 2 ** bits) };
  return affineOf({
    shape: [rows, columns],
    bits,
    groupSize,
    codes: { dtype: "u8", shape: [rows, packedRowBytes(columns, bits)], data: packCodes(codes, [rows, columns], bits) },
    scales: f32(
      shape,
      Array.from({ length: count }, (_, index) => 0.01 + index / 997),
    ),
    zeroPoints: asymmetric ? zero : undefined,
  });
}

/** A llama of which the matrices of each layer are coded, all or those that `only` names. */
function model(coding: Coding, only = /attention|feedForward/): Checkpoint {
  const shape = { vocabularySize: 24, contextLength: 16, hiddenSize: 24, layers: 2, heads: 3, feedForward: 40 };
  const plain = createModel(llama.define, llamaConfig(shape), { seed: 3 });
  const matrices = [...plain.weights].filter(([name, { shape: size }]) => size.length === 2 && only.test(name));
  return withWeights(
    plain,
    matrices.map(([name, { shape: size }]) => [name, coded(size as [number, number], coding)] as const),
  );
}

async function written(given: Checkpoint, options: object = {}): Promise<ExportResult & { files: FileSet; config: any }> {
  const files = memoryFiles({}, "folder");
  const result = await compressedTensorsExporter.define.write(given, { files, registry, options });
  return { ...result, files, config: JSON.parse(await readText(files, "config.json")) };
}

async function content({ parts, descriptor, storage }: StoredWeight): Promise<unknown> {
  const read = Object.entries(parts).map(async ([name, source]) => [name, (await source.read()).data] as const);
  return { storage, bits: descriptor["bits"], groupSize: descriptor["groupSize"], parts: Object.fromEntries(await Promise.all(read)) };
}

describe("compressed-tensors", () => {
  const EXACT: readonly (readonly [format: string, coding: Coding, strategy: string])[] = [
    ["int-quantized", { bits: 8 }, "channel"],
    ["int-quantized", { bits: 8, perTensor: true }, "tensor"],
    ["pack-quantized", { bits: 4, groupSize: 8 }, "group"],
    ["pack-quantized", { bits: 4 }, "channel"],
    ["pack-quantized", { bits: 4, groupSize: 8, asymmetric: true }, "group"],
    ["pack-quantized", { bits: 8, groupSize: 8 }, "group"],
    ["pack-quantized", { bits: 8, asymmetric: true }, "channel"],
    ["pack-quantized", { bits: 2, groupSize: 4 }, "group"],
  ];
  it.each(EXACT)("%s of %o comes back code by code", async (format, coding, strategy) => {
    const given = model(coding);
    const { files, config, changes } = await written(given);
    expect(changes).toEqual([]);
    expect(config.quantization_config).toMatchObject({
      quant_method: "compressed-tensors",
      format,
      quantization_status: "compressed",
      ignore: ["lm_head"],
    });
    const { targets, weights, input_activations: activations } = config.quantization_config.config_groups.group_0;
    expect(targets).toEqual(["Linear"]);
    expect(weights).toMatchObject({ num_bits: coding.bits, type: "int", symmetric: coding.asymmetric !== true, strategy });
    expect(activations === null).toBe(format === "pack-quantized");
    const read = await loadCheckpoint(files, registry);
    expect(read.config["huggingface"]).not.toHaveProperty("quantization_config");
    for (const [name, weight] of given.weights) expect(await content(read.weights.get(name)!), name).toEqual(await content(weight));
  });

  it("lays codes out as the library reads them", async () => {
    const { files } = await written(model({ bits: 4, groupSize: 8 }));
    const { tensors } = await readSafetensors(files);
    const at = "model.layers.0.self_attn.q_proj";
    expect((await tensors.get(`${at}.weight_shape`)!.read()).data).toEqual(BigInt64Array.of(24n, 24n));
    const [word] = (await tensors.get(`${at}.weight_packed`)!.read()).data as Int32Array;
    // Eight codes to a word, the first lowest; codes are (37 i + 5) mod 16.
    expect(word! >>> 0).toBe(Array.from({ length: 8 }, (_, i) => ((i * 37 + 5) % 16) * 16 ** i).reduce((a, b) => a + b));
    const eight = (await readSafetensors((await written(model({ bits: 8 }))).files)).tensors;
    expect(((await eight.get(`${at}.weight`)!.read()).data as Int8Array).slice(0, 3)).toEqual(Int8Array.of(5 - 128, 42 - 128, 79 - 128));
    expect(eight.get(`${at}.weight_scale`)!.shape).toEqual([24, 1]);
  });

  it("names layers where there are several schemes, and lists what stays float", async () => {
    const mixed = withWeights(model({ bits: 8 }, /attention/), [["layers.0.feedForward.up", coded([40, 24], { bits: 4, groupSize: 8 })]]);
    const { config, files } = await written(mixed);
    const { format, config_groups: groups, ignore } = config.quantization_config;
    expect(format).toBe("pack-quantized");
    expect(groups.group_1.targets).toEqual(["model.layers.0.mlp.up_proj"]);
    expect(groups.group_0.targets).toHaveLength(8);
    expect(ignore).toContain("model.layers.0.mlp.gate_proj");
    expect(ignore).toContain("model.layers.1.mlp.up_proj");
    const read = await loadCheckpoint(files, registry);
    expect(await content(read.weights.get("layers.0.feedForward.up")!)).toEqual(
      await content(mixed.weights.get("layers.0.feedForward.up")!),
    );
  });

  it("makes dense what it cannot say, and says so; refuses a model of which nothing would stay", async () => {
    const three = withWeights(model({ bits: 8 }), [
      ["layers.0.feedForward.up", coded([40, 24], { bits: 3 })],
      ["embedding", coded([24, 24], { bits: 8 })],
    ]);
    const { changes } = await written(three);
    expect(changes.map(({ weight, to, exact }) => [weight, to, exact])).toEqual([
      ["embedding", "f32", true],
      ["layers.0.feedForward.up", "f32", true],
    ]);
    await expect(written(model({ bits: 3 }))).rejects.toMatchObject({
      code: "models/not-expressible",
      report: { field: "quantization_config" },
    });
    const asked = await written(model({ bits: 4 }), { format: "int-quantized" }).catch((error: unknown) => error);
    expect(asked).toMatchObject({ code: "models/not-expressible" });
    const masked = withWeights(model({ bits: 8 }, /attention/), [
      ["layers.0.feedForward.up", denseOf(zeros("f32", [40, 24]), zeros("u8", [40, 24]))],
    ]);
    expect((await written(masked)).notes).toContainEqual(expect.stringContaining("pruned"));
  });

  it("refuses configs and tensors that contradict each other, and what is not read", async () => {
    const { files, config } = await written(model({ bits: 4, groupSize: 8 }));
    const refused = async (edit: (quantization: any) => void): Promise<string> => {
      const changed = structuredClone(config);
      edit(changed.quantization_config);
      await writeText(files, "config.json", JSON.stringify(changed));
      return loadCheckpoint(files, registry).then(
        () => "read",
        (error: { code: string }) => error.code,
      );
    };
    const group = (quantization: any): any => quantization.config_groups.group_0;
    expect(await refused(() => {})).toBe("read");
    expect(await refused((q) => (group(q).weights.num_bits = 8))).toBe("formats/compressed-tensors-invalid");
    expect(await refused((q) => (group(q).weights.group_size = 7))).toBe("formats/compressed-tensors-invalid");
    expect(await refused((q) => (group(q).weights.symmetric = false))).toBe("formats/compressed-tensors-invalid");
    expect(await refused((q) => (group(q).targets = ["Conv"]))).toBe("formats/compressed-tensors-invalid");
    expect(await refused((q) => (group(q).targets = ["re:(a+)+$"]))).toBe("formats/compressed-tensors-invalid");
    expect(await refused((q) => (group(q).targets = ["re:.*proj"]))).toBe("read");
    expect(await refused((q) => (q.format = "float-quantized"))).toBe("formats/compressed-tensors-unsupported");
    expect(await refused((q) => (q.kv_cache_scheme = { num_bits: 8 }))).toBe("formats/compressed-tensors-unsupported");
    expect(await refused((q) => (q.quant_method = "gptq"))).toBe("formats/compressed-tensors-unsupported");
  });
});
