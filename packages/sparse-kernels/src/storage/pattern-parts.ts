/** The parts that say where kept blocks lie, as files hold them: checked against each other when they are first read. */
import {
  showShape,
  sizeOf,
  sourceOf,
  storageInvalid,
  type Candidate,
  type DType,
  type HostTensor,
  type TensorSource,
} from "@pare/tensor-core";
import { checkPattern, type BlockSize, type Pattern } from "./pattern.ts";

export type Parts = Readonly<Record<string, TensorSource>>;

/** A typed array, and the device's 32-bit indices, hold no more. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** How a storage calls its parts. */
export interface PatternLayout extends BlockSize {
  /** Name of the part that says where rows start. */
  readonly starts: string;
}

/** Where the blocks of a weight lie. */
export interface Places {
  readonly shape: readonly [out: number, features: number];
  /** `columns` and the starts, as they are stored. */
  readonly parts: Parts;
  readonly blocks: number;
  readonly pattern: () => Promise<Pattern>;
}

/** Refuses with `tensor-core/storage-invalid`, naming weight and field. */
export type Refuse = (field: string, expected: string, found: unknown) => Error;

export function refusal(weight: string): Refuse {
  return (field, expected, found) =>
    storageInvalid({ weight, field, expected, found: typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing") });
}

/** Of a pattern in memory. */
export function placesOf(layout: PatternLayout, pattern: Pattern): Places {
  const parts = {
    columns: sourceOf(columnTensor(pattern)),
    [layout.starts]: sourceOf({ dtype: "i32", shape: [pattern.starts.length], data: pattern.starts }),
  };
  return { shape: [pattern.out, pattern.features], parts, blocks: pattern.columns.length, pattern: () => Promise.resolve(pattern) };
}

/** Of a file: checks what headers can tell; the numbers themselves are checked when they are first read. */
export function loadPlaces(layout: PatternLayout, weight: string, descriptor: Readonly<Record<string, unknown>>, parts: Parts): Places {
  const refuse = refusal(weight);
  const shape = descriptor["shape"];
  if (!isMatrixShape(shape)) throw refuse("shape", `two positive integers with a product of at most ${MOST_ELEMENTS}`, shape);
  const blockRows = Math.ceil(shape[0] / layout.rows);
  const blockColumns = Math.ceil(shape[1] / layout.width);
  const columns = partOf(weight, parts, "columns", columnType(blockColumns));
  const blocks = sizeOf(columns.shape);
  if (blocks > blockRows * blockColumns) throw refuse("columns", `at most ${blockRows * blockColumns} entries`, `${blocks}`);
  const starts = partOf(weight, parts, layout.starts, "i32", [blockRows + 1]);
  return { shape, blocks, ...checkedParts(layout, weight, shape, { columns, starts }) };
}

/** A part of this type, of one dimension where no shape is asked for. */
export function partOf(weight: string, parts: Parts, name: string, dtype: DType, shape?: readonly number[]): TensorSource {
  const source = parts[name];
  const expected = `${dtype} ${shape === undefined ? "[n]" : showShape(shape)}`;
  if (source === undefined) throw refusal(weight)(name, expected, "no such part");
  const fits = shape === undefined ? source.shape.length === 1 : showShape(source.shape) === showShape(shape);
  if (source.dtype !== dtype || !fits) throw refusal(weight)(name, expected, `${source.dtype} ${showShape(source.shape)}`);
  return source;
}

/** Throws for a part that is none of these. */
export function onlyParts(weight: string, parts: Parts, names: readonly string[]): void {
  const unknown = Object.keys(parts).find((name) => !names.includes(name));
  if (unknown !== undefined) throw refusal(weight)(unknown, `only the parts ${names.join(", ")}`, `a part named ${unknown}`);
}

function checkedParts(
  layout: PatternLayout,
  weight: string,
  [out, features]: readonly [number, number],
  { columns, starts }: { readonly columns: TensorSource; readonly starts: TensorSource },
): Pick<Places, "parts" | "pattern"> {
  let checked = false;
  const pattern = async (): Promise<Pattern> => {
    const [columnData, startData] = await Promise.all([columns.read(), starts.read()]);
    const read: Pattern = {
      rows: layout.rows,
      width: layout.width,
      out,
      features,
      columns: Int32Array.from(columnData.data as Uint16Array),
      starts: startData.data as Int32Array,
    };
    if (!checked) checkPattern(read, { weight, columns: "columns", starts: layout.starts });
    checked = true;
    return read;
  };
  const guarded = (source: TensorSource, of: (read: Pattern) => HostTensor): TensorSource => ({
    ...source,
    read: async () => (checked ? source.read() : of(await pattern())),
  });
  return {
    pattern,
    parts: {
      columns: guarded(columns, columnTensor),
      [layout.starts]: guarded(starts, ({ starts: data }) => ({ dtype: "i32", shape: starts.shape, data })),
    },
  };
}

/** Columns are stored in 16 bits where that is enough; kernels read 32: the part that holds those, made at upload where it must be. */
export function columnsOf({ parts, pattern }: Places): { readonly part: string; readonly derived: NonNullable<Candidate["derived"]> } {
  const { dtype, shape } = parts["columns"]!;
  if (dtype === "i32") return { part: "columns", derived: {} };
  const make = async (): Promise<HostTensor> => ({ dtype: "i32", shape, data: (await pattern()).columns });
  return { part: "columns32", derived: { columns32: { dtype: "i32", shape, make } } };
}

function columnType(columns: number): "u16" | "i32" {
  return columns <= 2 ** 16 ? "u16" : "i32";
}

function columnTensor({ columns, features, width }: Pattern): HostTensor {
  const dtype = columnType(Math.ceil(features / width));
  return { dtype, shape: [columns.length], data: dtype === "u16" ? Uint16Array.from(columns) : columns };
}

export function isMatrixShape(shape: unknown): shape is readonly [number, number] {
  return (
    Array.isArray(shape) &&
    shape.length === 2 &&
    shape.every((size) => Number.isSafeInteger(size) && size > 0) &&
    shape[0] * shape[1] <= MOST_ELEMENTS
  );
}
