/** Imports of a TypeScript source, found without a compiler. */

export interface Import {
  readonly specifier: string;
  /** Nothing of it is left after types are stripped. */
  readonly typeOnly: boolean;
}

/** Every static, dynamic and type import and re-export of a module. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  const found: Import[] = [];
  for (const [, keyword, names = "", specifier] of code.matchAll(/^[ \t]*(import|export)\b([^;"'`]*?)\bfrom\s*["']([^"']+)["']/gm)) {
    if (keyword === "export" && !/^\s*(type\s*)?[{*]/.test(names)) continue;
    found.push({ specifier: specifier!, typeOnly: isTypeOnly(names) });
  }
  for (const [, specifier] of code.matchAll(/^[ \t]*import\s*["']([^"']+)["']/gm)) found.push({ specifier: specifier!, typeOnly: false });
  for (const [, before, specifier] of code.matchAll(/(typeof\s+)?\bimport\(\s*["']([^"']+)["']/g))
    found.push({ specifier: specifier!, typeOnly: before !== undefined });
  return found;
}

/** Blanks comments; strings and regular expressions that look like comments keep their text. */
export function withoutComments(source: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
  return source.replace(token, (text) => (text.startsWith("/*") || text.startsWith("//") ? " " : text));
}

function isTypeOnly(names: string): boolean {
  if (/^\s*type\s/.test(names)) return true;
  const braces = /^\s*\{([^}]*)\}\s*$/.exec(names);
  if (braces === null) return false;
  const each = braces[1]!
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return each.length > 0 && each.every((name) => name.startsWith("type "));
}
