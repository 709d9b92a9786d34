const PAGES = [0x80, 0x80, 0x04];
const IMPORTS = 2;

/**
 * A kernel module with its memory import turned into one of shared memory (up to all 65536 pages). Nothing else of a module
 * depends on whether its memory is shared, so each variant is compiled once for both.
 */
export function sharedModule(module: Uint8Array): Uint8Array<ArrayBuffer> {
  let at = 8;
  const unsigned = (): number => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = module[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (module[at] !== IMPORTS) {
    at++;
    const size = unsigned();
    at += size;
  }
  const section = at++;
  const size = unsigned();
  const body = at;
  const count = unsigned();
  for (let name = 0; name < 2; name++) {
    const length = unsigned();
    at += length;
  }
  // One import: kind 2 (memory), flags 0 (no maximum, not shared), pages.
  if (count !== 1 || module[at] !== 2 || module[at + 1] !== 0)
    throw new Error("kernel modules import one unbounded memory and nothing else");
  const limits = at + 1;
  const end = body + size;
  const imports = [...module.subarray(body, limits), 3, ...module.subarray(limits + 1, end), ...PAGES];
  return Uint8Array.from([...module.subarray(0, section), IMPORTS, ...leb(imports.length), ...imports, ...module.subarray(end)]);
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}
