/** How text is cut before byte-level merging: what `tokenizer.ggml.pre` names, and how tokenizer.json says the same. */
import { isPlainObject } from "@pare/core";

const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 = LLAMA3.replace("{1,3}", "");

interface PreTokenizer {
  /** Names in GGUF, the one that is written first. */
  readonly names: readonly string[];
  /** undefined: GPT-2's own, which the byte-level step has built in. */
  readonly pattern?: string | undefined;
  /** A word that is a piece is taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
}

const KNOWN: readonly PreTokenizer[] = [
  { names: ["gpt-2"], ignoreMerges: false },
  { names: ["llama-bpe", "llama3", "llama-v3"], pattern: LLAMA3, ignoreMerges: true },
  { names: ["qwen2"], pattern: QWEN2, ignoreMerges: false },
];

export const PRE_TOKENIZERS: readonly string[] = KNOWN.flatMap(({ names }) => names);

/** What tokenizer.json holds for a name; undefined for one that is not known. */
export function preTokenizerOf(name: string): { readonly pre_tokenizer: object; readonly ignore_merges: boolean } | undefined {
  const known = KNOWN.find(({ names }) => names.includes(name));
  if (known === undefined) return undefined;
  const { pattern, ignoreMerges } = known;
  return { pre_tokenizer: pattern === undefined ? byteLevel(true) : splitBy(pattern), ignore_merges: ignoreMerges };
}

function byteLevel(ownPattern: boolean): object {
  return { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: ownPattern };
}

function splitBy(pattern: string): object {
  const split = { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
  return { type: "Sequence", pretokenizers: [split, byteLevel(false)] };
}

/** GGUF's name for what tokenizer.json holds; undefined where it has none. */
export function preTokenizerName(pre: unknown): string | undefined {
  if (!isPlainObject(pre)) return undefined;
  if (pre["type"] === "ByteLevel" && pre["use_regex"] !== false && pre["add_prefix_space"] !== true) return KNOWN[0]!.names[0];
  const steps: unknown = pre["type"] === "Sequence" ? pre["pretokenizers"] : undefined;
  if (!Array.isArray(steps) || steps.length !== 2) return undefined;
  const [split, bytes] = steps as [unknown, unknown];
  if (!isPlainObject(split) || !isPlainObject(split["pattern"]) || !isPlainObject(bytes)) return undefined;
  if (split["type"] !== "Split" || split["behavior"] !== "Isolated" || split["invert"] === true) return undefined;
  if (bytes["type"] !== "ByteLevel" || bytes["use_regex"] !== false || bytes["add_prefix_space"] === true) return undefined;
  const { Regex: pattern } = split["pattern"];
  return KNOWN.find((known) => known.pattern !== undefined && known.pattern === pattern)?.names[0];
}
