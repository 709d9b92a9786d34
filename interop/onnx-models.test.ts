/** Models that we write as ONNX, in onnxruntime-node, beside what we compute. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryFiles } from "../packages/core/src/index.ts";
import { folderFiles } from "../packages/core/src/node.ts";
import { wasmBackend } from "../packages/backend-wasm/src/index.ts";
import {
  activationRanges,
  onnxExporter,
  openSession,
  type Architecture,
  type Checkpoint,
  type SequenceBatch,
} from "../packages/models/src/index.ts";
import { openReference, type Device, type HostTensor, type SiteRequests } from "../packages/tensor-core/src/index.ts";
import { loadOrt, runOrt, type RunOptions } from "./support/onnxruntime.ts";
import {
  compare,
  filled,
  int64,
  randomEncoderDecoder,
  randomLlama,
  registry,
  rounded,
  sharedData,
  stories260K,
  type Comparison,
} from "./support/models.ts";
import { dynamicScheme, staticScheme } from "./support/ort-rounding.ts";

const ort = loadOrt();
const stories = sharedData("stories260K");
const tinystories = sharedData("text/tinystories");

/** Sums of uint8·int8 products are exact: on x86 without VNNI the runtime's default kernels saturate at 16 bits. */
const EXACT: RunOptions = { session: { extra: { session: { x64quantprecision: "1" } } } };

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const ROWS: SequenceBatch = {
  tokens: [
    [1, 5, 9, 2, 77, 31, 8],
    [1, 40, 3],
  ],
};
const PAIRS: SequenceBatch = {
  ...ROWS,
  sources: [
    [4, 9, 60, 2],
    [11, 12, 13, 14, 15, 16],
  ],
};

describe.skipIf(ort === undefined)("ONNX models in onnxruntime-node", () => {
  let device: Device;
  beforeAll(async () => void (device = (await wasmBackend.open())!));
  afterAll(async () => device.close());

  const architectureOf = (model: Checkpoint): Architecture =>
    registry.find("architecture", model.config.architecture).define as Architecture;

  /**
   * With sites, on the reference backend: a zero point of a whole tensor that lies near a tie falls on either side by the last bit of a
   * sum, and then every code of that tensor differs. Between f32 kernels of our own such ties alone cost up to 3 % of the arg-maxes here.
   */
  async function ours(model: Checkpoint, batch: SequenceBatch, sites?: SiteRequests): Promise<HostTensor> {
    const session = openSession(model, { device: sites === undefined ? device : openReference(), registry, sites });
    try {
      return await session.forward(batch);
    } finally {
      await session.dispose();
    }
  }

  function feeds({ tokens, sources }: SequenceBatch): Record<string, HostTensor> {
    const rows = (lists: readonly (readonly number[])[], of: (id: number, index: number) => number): HostTensor =>
      int64(
        filled(
          lists.map((list) => list.map(of)),
          Math.max(...lists.map((list) => list.length)),
        ),
      );
    const ids = rows(tokens, (id) => id);
    const mask = rows(tokens, () => 1);
    if (sources === undefined) return { input_ids: ids, attention_mask: mask, position_ids: rows(tokens, (_, index) => index) };
    return {
      input_ids: rows(sources, (id) => id),
      attention_mask: rows(sources, () => 1),
      decoder_input_ids: ids,
      decoder_attention_mask: mask,
    };
  }

  async function theirs(model: Checkpoint, batch: SequenceBatch, options: object, run?: RunOptions): Promise<HostTensor> {
    const files = memoryFiles();
    await onnxExporter.define.write(model, { files, registry, options });
    const { logits } = await runOrt(ort!, await files.read("model.onnx"), feeds(batch), run);
    return { dtype: "f32", shape: logits!.dims, data: logits!.data as unknown as Float32Array };
  }

  function beside(a: HostTensor, b: HostTensor, { tokens }: SequenceBatch): Comparison {
    expect(b.shape).toEqual(a.shape);
    const lengths = tokens.map((row) => row.length);
    return compare(a.data as Float32Array, b.data as Float32Array, lengths, a.shape.at(-1)!);
  }

  /** Several hundred positions of the stories that stories260K was trained on; of a width that sessions do not pad, since a dynamic scale sees padding. */
  async function storyRows(model: Checkpoint): Promise<SequenceBatch> {
    const text = await readFile(join(tinystories!, "tinystories_sample_197k.txt"), "utf8");
    const ids = model.tokenizer!.encode(text.slice(0, 4000));
    return { tokens: Array.from({ length: 5 }, (_, row) => [1, ...ids.slice(row * 159, row * 159 + 159)]) };
  }

  describe("f32", () => {
    it.each([
      ["a decoder with grouped heads", randomLlama, ROWS],
      ["an encoder–decoder", randomEncoderDecoder, PAIRS],
    ] as const)("%s: logits within 1e-3, padding among the rows", async (_, make, batch) => {
      const model = make();
      const { worst, agreement } = beside(await ours(model, batch), await theirs(model, batch, {}), batch);
      expect(worst).toBeLessThan(1e-3);
      expect(agreement).toBe(1);
    });

    it.skipIf(stories === undefined || tinystories === undefined)("stories260K: logits within 1e-3", async () => {
      const model = await stories260K(stories!);
      const batch = await storyRows(model);
      const { worst, agreement, positions } = beside(await ours(model, batch), await theirs(model, batch, {}), batch);
      console.info(`stories260K f32: largest difference ${worst.toExponential(2)}, arg-max ${agreement} of ${positions}`);
      expect(worst).toBeLessThan(1e-3);
    });

    it("padding may stand on the left", async () => {
      const model = randomLlama();
      const files = memoryFiles();
      await onnxExporter.define.write(model, { files, registry });
      const row = ROWS.tokens[1]!;
      const left = { input_ids: int64([[0, 0, ...row]]), attention_mask: int64([[0, 0, 1, 1, 1]]), position_ids: int64([[0, 0, 0, 1, 2]]) };
      const { logits } = await runOrt(ort!, await files.read("model.onnx"), left);
      const expected = (await ours(model, { tokens: [row] })).data as Float32Array;
      const found = (logits!.data as unknown as Float32Array).subarray(2 * 96);
      expect(compare(expected, found, [3], 96).worst).toBeLessThan(1e-3);
    });

    it("weights in a file of their own", async () => {
      const folder = await mkdtemp(join(tmpdir(), "pare-onnx-"));
      try {
        const model = randomLlama();
        const files = folderFiles(folder);
        await onnxExporter.define.write(model, { files, registry, options: { externalFrom: 1000 } });
        expect(await files.size("model.onnx")).toBeLessThan(40_000);
        expect(await files.size("model.onnx_data")).toBeGreaterThan(100_000);
        const { logits } = await runOrt(ort!, join(folder, "model.onnx"), feeds(ROWS));
        const found = { dtype: "f32", shape: logits!.dims, data: logits!.data as unknown as Float32Array } as const;
        expect(beside(await ours(model, ROWS), found, ROWS).worst).toBeLessThan(1e-3);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });

  it.each([
    ["a decoder", randomLlama, ROWS],
    ["an encoder–decoder", randomEncoderDecoder, PAIRS],
  ] as const)("f16, %s: logits within 0.02", async (_, make, batch) => {
    const model = make();
    const { worst } = beside(await ours(model, batch), await theirs(model, batch, { flavour: "f16" }), batch);
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(0.02);
  });

  describe.skipIf(stories === undefined || tinystories === undefined)("stories260K under one scheme of rounding", () => {
    it("dynamic int8 and uint8: equal arg-max on 99 % of positions", async () => {
      const model = await rounded(await stories260K(stories!), { bits: 8, symmetric: true, granularity: "channel", groupSize: 32 });
      const batch = await storyRows(model);
      const expected = await ours(model, batch, dynamicScheme(architectureOf(model), model));
      for (const flavour of ["int8", "uint8"]) {
        const { worst, agreement, positions } = beside(expected, await theirs(model, batch, { flavour }, EXACT), batch);
        console.info(`stories260K ${flavour}: arg-max ${percent(agreement)} of ${positions}, largest difference ${worst.toExponential(2)}`);
        expect(agreement).toBeGreaterThanOrEqual(0.99);
      }
    });

    it("static int8: equal arg-max on 99 % of positions", async () => {
      const model = await rounded(await stories260K(stories!), { bits: 8, symmetric: true, granularity: "channel", groupSize: 32 });
      const batch = await storyRows(model);
      const rows = batch.tokens.map((tokens) => ({ tokens }));
      const ranges = await activationRanges(model, { device, architecture: architectureOf(model), rows });
      const expected = await ours(model, batch, staticScheme(architectureOf(model), model, ranges));
      const calibration = { rows: batch.tokens };
      const { worst, agreement, positions } = beside(
        expected,
        await theirs(model, batch, { flavour: "int8-static", calibration }, EXACT),
        batch,
      );
      console.info(`stories260K static: arg-max ${percent(agreement)} of ${positions}, largest difference ${worst.toFixed(4)}`);
      expect(agreement).toBeGreaterThanOrEqual(0.99);
    });

    it("int4 in groups of 32: the weights that we run, within 1e-3", async () => {
      const model = await rounded(await stories260K(stories!), { bits: 4, symmetric: true, granularity: "group", groupSize: 32 });
      const batch = await storyRows(model);
      const asymmetric = await rounded(await stories260K(stories!), { bits: 4, symmetric: false, granularity: "group", groupSize: 16 });
      for (const one of [model, asymmetric]) {
        const { worst, positions } = beside(await ours(one, batch), await theirs(one, batch, { flavour: "int4" }), batch);
        console.info(`stories260K int4: largest difference ${worst.toExponential(2)} over ${positions} positions`);
        expect(worst).toBeLessThan(1e-3);
      }
    });
  });
});
