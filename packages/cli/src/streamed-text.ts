/** Text of a sequence that grows, given out as soon as it is sure. */

/**
 * Gives what each further call adds to the text. The end of a character that is still incomplete (decoders write U+FFFD for it)
 * is kept back until it is whole; `flush` gives it as it is.
 */
export function streamedText(decode: (ids: readonly number[]) => string): {
  readonly push: (ids: readonly number[]) => string;
  readonly flush: (ids: readonly number[]) => string;
} {
  let given = 0;
  const rest = (text: string): string => {
    const added = text.slice(given);
    given = Math.max(given, text.length);
    return added;
  };
  return {
    push: (ids) => rest(decode(ids).replace(/\uFFFD+$/, "")),
    flush: (ids) => rest(decode(ids)),
  };
}
