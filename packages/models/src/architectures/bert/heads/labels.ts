/** Classes as transformers' configs name them. */
import { z } from "zod";
import type { RawConfig } from "../../../architecture.ts";
import { configInvalid } from "../../../errors.ts";

/** Names by class index. */
export const labels: z.ZodType<readonly string[]> = z
  .array(z.string())
  .min(1)
  .max(2 ** 20);

/** `id2label`, or as many names LABEL_0, … as `num_labels` says (2 where it says nothing). */
export function readLabels({ id2label, num_labels: count = 2 }: RawConfig, file: string): string[] {
  const names = z.record(z.string(), z.string()).safeParse(id2label);
  if (id2label !== undefined && id2label !== null) {
    const size = names.success ? Object.keys(names.data).length : 0;
    const list = Array.from({ length: size }, (_, index) => names.data?.[index]);
    if (size === 0 || list.some((name) => name === undefined))
      throw configInvalid({
        file,
        field: "id2label",
        expected: "a name for every class from 0 on",
        found: (JSON.stringify(id2label) ?? "").slice(0, 80),
      });
    return list as string[];
  }
  if (!Number.isInteger(count) || (count as number) < 1 || (count as number) > 2 ** 20)
    throw configInvalid({ file, field: "num_labels", expected: "a number of classes", found: JSON.stringify(count) ?? "nothing" });
  return Array.from({ length: count as number }, (_, index) => `LABEL_${index}`);
}

export function writeLabels(names: readonly string[]): RawConfig {
  return {
    id2label: Object.fromEntries(names.map((name, index) => [`${index}`, name])),
    label2id: Object.fromEntries(names.map((name, index) => [name, index])),
  };
}
