/** The marks that a tokenizer puts around one text or two: `post_processor` of tokenizer.json. */
import { isPlainObject } from "@pare/core";

/** What a model reads of one text or a pair. */
export interface Framed {
  readonly ids: readonly number[];
  /** For each id, whether the template counts it to the first (0) or the second (1) text, or to neither (2: XLNet's mark for the whole). */
  readonly tokenTypes: readonly number[];
  /** Place in `ids` of each text's own first token. */
  readonly starts: readonly number[];
}

/** One piece of a template: a mark, or one of the texts. */
type Item = { readonly ids: readonly number[]; readonly type: number } | { readonly text: 0 | 1; readonly type: number };

export interface Template {
  readonly single: readonly Item[];
  readonly pair: readonly Item[];
}

export type FrameFail = (field: string, expected: string, found: unknown) => Error;

const PLAIN: Template = {
  single: [{ text: 0, type: 0 }],
  pair: [
    { text: 0, type: 0 },
    { text: 1, type: 0 },
  ],
};

/** The template that a post-processor says; texts as they are where it says none. `fail` makes the error for one that is not valid. */
export function templateOf(processor: unknown, pieces: ReadonlyMap<string, number>, fail: FrameFail): Template {
  if (processor === null || processor === undefined) return PLAIN;
  if (!isPlainObject(processor)) throw fail("post_processor", "an object", processor);
  const { type } = processor;
  if (type === "ByteLevel") return PLAIN;
  if (type === "Sequence") return sequence(processor["processors"], pieces, fail);
  if (type === "TemplateProcessing") return fromTemplate(processor, pieces, fail);
  if (type === "BertProcessing" || type === "RobertaProcessing") return fromMarks(processor, pieces, fail);
  throw fail("post_processor.type", "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or Sequence", type);
}

function sequence(processors: unknown, pieces: ReadonlyMap<string, number>, fail: FrameFail): Template {
  if (!Array.isArray(processors)) throw fail("post_processor.processors", "a list", processors);
  const templates = processors.map((one) => templateOf(one, pieces, fail)).filter((template) => template !== PLAIN);
  if (templates.length > 1) throw fail("post_processor.processors", "at most one that adds marks", templates.length);
  return templates[0] ?? PLAIN;
}

function fromTemplate(processor: Readonly<Record<string, unknown>>, pieces: ReadonlyMap<string, number>, fail: FrameFail): Template {
  const special = isPlainObject(processor["special_tokens"]) ? processor["special_tokens"] : {};
  const itemOf = (item: unknown, field: string): Item => {
    const mark = isPlainObject(item) ? item["SpecialToken"] : undefined;
    const text = isPlainObject(item) ? item["Sequence"] : undefined;
    const given = mark ?? text;
    const type = isPlainObject(given) ? given["type_id"] : undefined;
    if (!isPlainObject(given) || typeof type !== "number" || !(Number.isInteger(type) && type >= 0))
      throw fail(field, "a mark or a text with a type", item);
    if (text !== undefined) {
      if (given["id"] !== "A" && given["id"] !== "B") throw fail(`${field}.Sequence.id`, "A or B", given["id"]);
      return { text: given["id"] === "A" ? 0 : 1, type };
    }
    const entry = special[given["id"] as string];
    const ids = isPlainObject(entry) ? entry["ids"] : undefined;
    if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id) && id >= 0 && id < pieces.size))
      throw fail(`post_processor.special_tokens.${String(given["id"])}`, "ids of the vocabulary", ids);
    return { ids: ids as number[], type };
  };
  const list = (field: "single" | "pair"): Item[] => {
    const items = processor[field];
    if (!Array.isArray(items)) throw fail(`post_processor.${field}`, "a list", items);
    return items.map((item, index) => itemOf(item, `post_processor.${field}[${index}]`));
  };
  return { single: list("single"), pair: list("pair") };
}

/** BERT's and RoBERTa's own processors: [CLS] A [SEP] B [SEP], and <s> A </s></s> B </s>. */
function fromMarks(processor: Readonly<Record<string, unknown>>, pieces: ReadonlyMap<string, number>, fail: FrameFail): Template {
  const markOf = (field: "cls" | "sep"): number => {
    const [piece, id] = Array.isArray(processor[field]) ? (processor[field] as unknown[]) : [];
    if (typeof piece !== "string" || pieces.get(piece) !== id)
      throw fail(`post_processor.${field}`, "a piece and its id", processor[field]);
    return id as number;
  };
  const [first, between] = [markOf("cls"), markOf("sep")];
  const single: Item[] = [
    { ids: [first], type: 0 },
    { text: 0, type: 0 },
    { ids: [between], type: 0 },
  ];
  const second = processor["type"] === "BertProcessing" ? 1 : 0;
  const gap: Item[] = second === 1 ? [] : [{ ids: [between], type: 0 }];
  return { single, pair: [...single, ...gap, { text: 1, type: second }, { ids: [between], type: second }] };
}

/** Texts with their marks; `second` absent: one text alone. */
export function frameWith(template: Template, first: readonly number[], second?: readonly number[]): Framed {
  const ids: number[] = [];
  const tokenTypes: number[] = [];
  const starts: number[] = [];
  for (const item of second === undefined ? template.single : template.pair) {
    const own = "ids" in item ? item.ids : item.text === 0 ? first : second!;
    if ("text" in item) starts[item.text] = ids.length;
    ids.push(...own);
    tokenTypes.push(...Array.from(own, () => item.type));
  }
  return { ids, tokenTypes, starts };
}
