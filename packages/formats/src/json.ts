const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;

/** The first key that stands twice in one object of a JSON text that parses; a parser keeps the last and says nothing. */
function duplicateKey(json: string): string | undefined {
  const objects: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === "{") objects.push(new Set());
    else if (token === "[") objects.push(undefined);
    else if (token === "}" || token === "]") objects.pop();
    else if (token === ":") {
      const key = JSON.parse(last) as string;
      const keys = objects.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
    last = token;
  }
  return undefined;
}

/** JSON text, or UTF-8 bytes of it, in which no object holds a key twice; `fail` makes the error from what was wrong. */
export function parseJson(content: Uint8Array | string, fail: (found: string) => Error): unknown {
  const text = typeof content === "string" ? content : decodeUtf8(content, fail);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fail((error as Error).message);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw fail(`the key ${JSON.stringify(twice)} twice`);
  return value;
}

function decodeUtf8(bytes: Uint8Array, fail: (found: string) => Error): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fail("bytes that are not UTF-8");
  }
}
