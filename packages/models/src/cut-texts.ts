/** Ids of one text or two, cut from the end until they have room: of two the longer one first. */
export function cutTexts(
  first: readonly number[],
  second: readonly number[] | undefined,
  room: number,
): readonly [first: readonly number[], second?: readonly number[]] {
  if (second === undefined) return [first.slice(0, Math.max(room, 0))];
  let [one, two] = [first.length, second.length];
  while (one + two > Math.max(room, 0)) {
    if (two > one) two--;
    else one--;
  }
  return [first.slice(0, one), second.slice(0, two)];
}
