const LETTER = /[\p{L}\p{N}\p{Mn}]/u;

/** The same range grown to whole words: pieces of words are no answer. Surrogate pairs stay whole. */
export function toWords(text: string, begin: number, end: number): readonly [begin: number, end: number] {
  const letterAt = (at: number): boolean => LETTER.test(text.slice(at, at + 1)) || /[\uD800-\uDFFF]/.test(text.slice(at, at + 1));
  let [from, to] = [begin, end];
  while (from > 0 && from < end && letterAt(from) && letterAt(from - 1)) from--;
  while (to < text.length && to > begin && letterAt(to) && letterAt(to - 1)) to++;
  return [from, to];
}
