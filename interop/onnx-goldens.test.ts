/** Every architecture and head as ONNX in onnxruntime-node, beside what the transformers library computed. */
import { describe, expect, it } from "vitest";
import { memoryFiles } from "../packages/core/src/index.ts";
import { onnxExporter } from "../packages/models/src/index.ts";
import { goldenNames, openGolden } from "../packages/models/test/goldens.ts";
import type { HostTensor } from "../packages/tensor-core/src/index.ts";
import { registry } from "./support/models.ts";
import { loadOrt, runOrt } from "./support/onnxruntime.ts";

const ort = loadOrt();

const INPUTS: Readonly<Record<string, string>> = {
  tokens: "input_ids",
  tokenTypes: "token_type_ids",
  source: "input_ids",
};

function wide({ shape, data }: HostTensor): HostTensor {
  return { dtype: "i64", shape, data: BigInt64Array.from(data as Int32Array, BigInt) };
}

/** 1 where a row has tokens, `[rows, width]`. */
function maskOf({ data }: HostTensor, width: number): HostTensor {
  const mask = BigInt64Array.from({ length: data.length * width }, (_, at) =>
    at % width < Number(data[Math.floor(at / width)]) ? 1n : 0n,
  );
  return { dtype: "i64", shape: [data.length, width], data: mask };
}

describe.skipIf(ort === undefined)("models of the transformers library, written as ONNX", () => {
  it.each(goldenNames())("%s: what transformers computes, within 1e-4", async (name) => {
    const { checkpoint, expected, architecture } = await openGolden(name, registry);
    const read = async (key: string): Promise<HostTensor> => expected.get(key)!.read();
    const sources = architecture.encode !== undefined;
    const tokens = await read("input/tokens");
    const [rows, width] = tokens.shape as [number, number];
    const feeds: Record<string, HostTensor> = {};
    if (sources) {
      const source = await read("input/source");
      feeds["input_ids"] = wide(source);
      feeds["attention_mask"] = maskOf(await read("input/sourceLengths"), source.shape[1]!);
      feeds["decoder_input_ids"] = wide(tokens);
      feeds["decoder_attention_mask"] = maskOf(await read("input/lengths"), width);
    } else {
      feeds["attention_mask"] = maskOf(await read("input/lengths"), width);
      for (const [own, theirs] of Object.entries(INPUTS))
        if (expected.has(`input/${own}`)) feeds[theirs] = wide(await read(`input/${own}`));
      const positions = BigInt64Array.from({ length: rows * width }, (_, at) => BigInt(at % width));
      feeds["position_ids"] = { dtype: "i64", shape: [rows, width], data: positions };
    }
    const files = memoryFiles();
    await onnxExporter.define.write(checkpoint, { files, registry });
    const outputs = await runOrt(ort!, await files.read("model.onnx"), feeds);
    const [output, probe] = [await read("output"), (await read("probe")).data];
    const found = joined(outputs, output);
    let worst = 0;
    output.data.forEach((value, at) => {
      if (probe[at] !== 0) worst = Math.max(worst, Math.abs(Number(value) - found(at)));
    });
    expect(worst).toBeLessThan(1e-4);
  });

  it.each(goldenNames().filter((name) => name.startsWith("xlnet")))("%s: the same where rows are padded on the left", async (name) => {
    const { checkpoint, expected } = await openGolden(name, registry);
    const read = async (key: string): Promise<HostTensor> => expected.get(key)!.read();
    const lengths = Array.from((await read("input/lengths")).data, Number);
    const feeds: Record<string, HostTensor> = {};
    for (const [own, theirs] of Object.entries({ tokens: "input_ids", tokenTypes: "token_type_ids" }))
      feeds[theirs] = toLeft(wide(await read(`input/${own}`)), lengths);
    feeds["attention_mask"] = toLeft(maskOf(await read("input/lengths"), feeds["input_ids"]!.shape[1]!), lengths);
    const files = memoryFiles();
    await onnxExporter.define.write(checkpoint, { files, registry });
    const outputs = await runOrt(ort!, await files.read("model.onnx"), feeds);
    const [output, probe] = [await read("output"), (await read("probe")).data];
    const found = joined(outputs, output);
    const [, width, inner] = output.shape.length === 3 ? (output.shape as [number, number, number]) : [0, 1, output.shape[1]!];
    let worst = 0;
    output.data.forEach((value, at) => {
      if (probe[at] === 0) return;
      const row = Math.floor(at / (width * inner));
      const shift = width === 1 ? 0 : (width - lengths[row]!) * inner;
      worst = Math.max(worst, Math.abs(Number(value) - found(at + shift)));
    });
    expect(worst).toBeLessThan(1e-4);
  });
});

/** `[rows, width]` with what is past each row's length before it instead. */
function toLeft({ dtype, shape, data }: HostTensor, lengths: readonly number[]): HostTensor {
  const width = shape[1]!;
  const moved = (data as BigInt64Array).map((_, at) => {
    const row = Math.floor(at / width);
    const from = ((at % width) + lengths[row]!) % width;
    return (data as BigInt64Array)[row * width + from]!;
  });
  return { dtype, shape, data: moved };
}

/** The head's output, whose two columns question answering gives apart. */
function joined(outputs: Awaited<ReturnType<typeof runOrt>>, { shape }: HostTensor): (at: number) => number {
  const { start_logits: start, end_logits: end } = outputs;
  if (start !== undefined && end !== undefined) return (at) => (at % 2 === 0 ? start : end).data[Math.floor(at / 2)]!;
  const one = outputs["logits"] ?? outputs["sentence_embedding"] ?? outputs["last_hidden_state"]!;
  expect(one.dims).toEqual(shape);
  return (at) => one.data[at]!;
}
