import { isPlainObject } from "@pare/core";

/** The ideographs beyond 16 bits that BERT's normaliser sets apart: extensions B to E and their compatibility forms. */
const BEYOND = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/**
 * Sets ideographs beyond 16 bits apart with spaces where the normaliser of tokenizer.json does so: `@huggingface/tokenizers` 0.2.0 looks
 * at 16 bits at a time and leaves these together.
 */
export function spaceIdeographs(normalizer: unknown): (text: string) => string {
  return setsApart(normalizer) ? (text) => text.replace(BEYOND, " $& ") : (text) => text;
}

function setsApart(normalizer: unknown): boolean {
  if (!isPlainObject(normalizer)) return false;
  const { type, normalizers } = normalizer;
  if (type === "BertNormalizer") return normalizer["handle_chinese_chars"] !== false;
  return type === "Sequence" && Array.isArray(normalizers) && normalizers.some(setsApart);
}
