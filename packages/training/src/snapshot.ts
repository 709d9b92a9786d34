/** Training cut off and taken up again: the States of a run in one file, written whole or not at all. */
import type { FileSet } from "@pare/core";
import { sizeOf, viewArray, type HostTensor } from "@pare/tensor-core";
import { snapshotInvalid } from "./errors.ts";

const NAME = "training.snapshot";
const MAGIC = "pare-training-snapshot-1\n";

export interface Snapshot {
  /** Steps done. */
  readonly step: number;
  /** What else the run has to remember. Plain JSON. */
  readonly notes: unknown;
  /** f32. */
  readonly states: ReadonlyMap<string, HostTensor>;
}

interface Header {
  readonly step: number;
  readonly notes: unknown;
  readonly states: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Writes step, notes and f32 States; `read` gives one State at a time, so that no second copy of all is held. */
export async function writeSnapshot(files: FileSet, header: Header, read: (state: string) => Promise<HostTensor>): Promise<void> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setFloat64(0, text.length, true);
  await files.write(NAME, chunks());

  async function* chunks(): AsyncIterable<Uint8Array> {
    yield new TextEncoder().encode(MAGIC);
    yield size;
    yield text;
    for (const { name } of header.states) {
      const { data } = await read(name);
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
  }
}

/** The snapshot that an earlier, cut off run left; undefined where there is none. Throws `training/snapshot-invalid`. */
export async function readSnapshot(files: FileSet): Promise<Snapshot | undefined> {
  if (!(await files.list()).includes(NAME)) return undefined;
  const bytes = await files.read(NAME);
  const refuse = (found: string) => snapshotInvalid({ file: `${files.location}/${NAME}`, found });
  if (new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) throw refuse("another kind of file");
  const begin = MAGIC.length + 8;
  const length = bytes.length < begin ? NaN : new DataView(bytes.buffer, bytes.byteOffset + MAGIC.length, 8).getFloat64(0, true);
  if (!(length > 0 && begin + length <= bytes.length)) throw refuse(`a header of ${length} bytes in a file of ${bytes.length}`);
  const header = readHeader(bytes.subarray(begin, begin + length));
  if (header === undefined) throw refuse("a header that no run writes");
  const states = new Map<string, HostTensor>();
  let at = begin + length;
  for (const { name, shape } of header.states) {
    const end = at + 4 * sizeOf(shape);
    if (end > bytes.length) throw refuse(`${bytes.length} bytes, which end inside ${name}`);
    states.set(name, { dtype: "f32", shape, data: viewArray("f32", bytes.slice(at, end)) });
    at = end;
  }
  if (at !== bytes.length) throw refuse(`${bytes.length - at} bytes too many`);
  return { step: header.step, notes: header.notes, states };
}

function readHeader(bytes: Uint8Array): Header | undefined {
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes)) as Header;
    const described = header.states.every(({ name, shape }) => typeof name === "string" && Number.isSafeInteger(sizeOf(shape)));
    return described && Number.isSafeInteger(header.step) ? header : undefined;
  } catch {
    return undefined;
  }
}
