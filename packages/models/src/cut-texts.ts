import type { Tokenizer } from "./tokenizer.ts";

/**
 * Ids of one text or two, cut at the tokenizer's side until they have room: of two the longer one first, and the one that was longer, or else
 * the second, keeps an odd token ("longest_first" of the `tokenizers` library).
 */
export function cutTexts(
  { truncationSide = "right" }: Pick<Tokenizer, "truncationSide">,
  [first, second]: readonly [first: readonly number[], second?: readonly number[] | undefined],
  room: number,
): readonly [first: readonly number[], second?: readonly number[]] {
  const cut = (ids: readonly number[], count: number): readonly number[] =>
    truncationSide === "left" ? ids.slice(Math.max(ids.length - count, 0)) : ids.slice(0, count);
  const most = Math.max(room, 0);
  if (second === undefined) return [cut(first, most)];
  const [one, two] = lengthsOf(first.length, second.length, most);
  return [cut(first, one), cut(second, two)];
}

function lengthsOf(one: number, two: number, room: number): readonly [number, number] {
  if (one + two <= room) return [one, two];
  const short = Math.min(one, two, Math.floor(room / 2));
  return one > two ? [room - short, short] : [short, room - short];
}
