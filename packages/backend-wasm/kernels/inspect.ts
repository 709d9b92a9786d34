/**
 * What is wrong with a module's exports, or undefined: all are functions called `<dtype>_<op>[_<tile>]`, `f32_gemm_5x8`. The
 * instruction set is the module's variant.
 */
export function misnamed(module: WebAssembly.Module): string | undefined {
  const wrong = WebAssembly.Module.exports(module).find(({ name, kind }) => kind !== "function" || !NAME.test(name));
  return wrong && `it exports the ${wrong.kind} ${wrong.name}: kernels are called <dtype>_<op>[_<tile>]`;
}

const NAME = /^[fiu]\d+(_[a-z][a-z0-9]*)+(_\d+(x\d+)?)?$/;

/**
 * Why a kernel module may not share a memory with others, or undefined.
 *
 * Several modules run over the device's one memory, which none of them owns: a data segment, a start function or a
 * mutable global (AssemblyScript's heap pointer is one) would write at addresses that belong to tensors.
 */
export function unshareable(module: Uint8Array): string | undefined {
  const reader = new Reader(module, 8);
  while (reader.offset < module.length) {
    const section = reader.byte();
    const end = reader.unsigned() + reader.offset;
    if (section === START) return "it cannot share the device's memory: it has a start function";
    if (section === DATA && reader.unsigned() > 0) return "it cannot share the device's memory: it has data segments";
    if (section === GLOBAL && hasMutable(reader)) return "it cannot share the device's memory: it has a mutable global";
    reader.offset = end;
  }
  return undefined;
}

const GLOBAL = 6;
const START = 8;
const DATA = 11;

class Reader {
  offset: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  byte(): number {
    return this.bytes[this.offset++]!;
  }

  /** LEB128; also skips signed ones. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
}

function hasMutable(reader: Reader): boolean {
  for (let count = reader.unsigned(); count > 0; count--) {
    reader.byte();
    if (reader.byte() === 1) return true;
    skipConstant(reader);
  }
  return false;
}

/** A constant expression: one instruction and its end. */
function skipConstant(reader: Reader): void {
  const instruction = reader.byte();
  if (instruction === 0x43) reader.offset += 4;
  else if (instruction === 0x44) reader.offset += 8;
  else if (instruction === 0xfd) reader.offset += 17;
  else reader.unsigned();
  reader.byte();
}
