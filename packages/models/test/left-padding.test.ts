/**
 * Padding is the session's own affair: rows come as they are, each counted from its first token. What transformers computes for a batch
 * that is padded on the left, as its decoders' tokenizers do, is what each row gives here.
 */
import { readSafetensors } from "@pare/formats";
import { openReference } from "@pare/tensor-core";
import { expect, it } from "vitest";
import { openSession } from "../src/index.ts";
import { goldenFiles, openGolden } from "./goldens.ts";
import { registry } from "./models.ts";

it.each(["gpt2", "llama", "qwen2", "qwen3"])(
  "%s goes on with prompts of unequal length as transformers with padding on the left",
  async (name) => {
    const { checkpoint, architecture } = await openGolden(name, registry);
    const { tensors } = await readSafetensors(goldenFiles(name), "left-padding.safetensors");
    const rowsOf = async (key: string): Promise<number[][]> => {
      const { shape, data } = await tensors.get(key)!.read();
      const width = shape[1] ?? 1;
      return Array.from({ length: shape[0]! }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width) as Int32Array));
    };
    const [prompts, lengths, expected] = await Promise.all(["prompt", "lengths", "tokens"].map(rowsOf));
    const session = openSession(checkpoint, { device: openReference(), architecture });
    const found: number[][] = expected!.map(() => []);
    const rows = prompts!.map((row, index) => row.slice(row.length - lengths![index]![0]!));
    for await (const step of session.generate({ prompts: rows, maxTokens: expected![0]!.length, stop: [] }))
      step.forEach((token, row) => found[row]!.push(token!));
    await session.dispose();
    expect(found).toEqual(expected);
    expect(new Set(lengths!.flat()).size).toBeGreaterThan(2);
  },
);
