/** What the sparse storages share: a pattern, its values, and the checks on what a file says of both. */
import {
  showShape,
  shapeMismatch,
  sizeOf,
  sourceOf,
  storageInvalid,
  type Candidate,
  type DType,
  type HostTensor,
  type StoredWeight,
  type TensorSource,
} from "@pare/tensor-core";
import { checkPattern, gather, maskOf, matrixShape, patternOf, scatter, type Pattern } from "./pattern.ts";

/** How one storage lays a pattern down. */
export interface Layout {
  readonly storage: string;
  /** Outputs per block. */
  readonly rows: number;
  /** Name of the part that says where rows start. */
  readonly starts: string;
  /** What the descriptor says besides the shape. */
  readonly descriptor: Readonly<Record<string, unknown>>;
  /** @param columns name of the part that holds them as i32. */
  readonly candidate: (out: number, features: number, columns: string) => Pick<Candidate, "name" | "ops" | "lower">;
}

type Parts = Readonly<Record<string, TensorSource>>;

/** A typed array, and the device's 32-bit indices, hold no more. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** Columns are stored in 16 bits where that is enough; kernels read 32, widened when they are uploaded. */
export function columnType(features: number): "u16" | "i32" {
  return features <= 2 ** 16 ? "u16" : "i32";
}

/** Throws `tensor-core/storage-invalid` or `sparse-kernels/mask-invalid`. */
export function toSparse(layout: Layout, dense: HostTensor, mask?: HostTensor): StoredWeight {
  const pattern = patternOf(dense, layout.rows, mask);
  const parts = {
    values: sourceOf({ dtype: "f32", shape: [pattern.columns.length * layout.rows], data: gather(pattern, dense, mask) }),
    columns: sourceOf(columnTensor(pattern)),
    [layout.starts]: sourceOf({ dtype: "i32", shape: [pattern.starts.length], data: pattern.starts }),
  };
  return sparseWeight(layout, matrixShape(dense), parts, () => Promise.resolve(pattern));
}

/** Checks what headers can tell; the numbers themselves are checked when they are first read. */
export function loadSparse(layout: Layout, weight: string, descriptor: Readonly<Record<string, unknown>>, parts: Parts): StoredWeight {
  const refuse = (field: string, expected: string, found: unknown) =>
    storageInvalid({ weight, field, expected, found: typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing") });
  const shape = descriptor["shape"];
  if (!isMatrixShape(shape)) throw refuse("shape", `two positive integers with a product of at most ${MOST_ELEMENTS}`, shape);
  for (const [name, value] of Object.entries(layout.descriptor)) {
    if (descriptor[name] !== value) throw refuse(name, JSON.stringify(value), descriptor[name]);
  }
  const names = ["values", "columns", layout.starts];
  const unknown = Object.keys(parts).find((name) => !names.includes(name));
  if (unknown !== undefined) throw refuse(unknown, `only the parts ${names.join(", ")}`, `a part named ${unknown}`);
  const part = (name: string, dtype: DType, shape?: readonly number[]): TensorSource => {
    const source = parts[name];
    const expected = `${dtype} ${shape === undefined ? "[n]" : showShape(shape)}`;
    if (source === undefined) throw refuse(name, expected, "no such part");
    const fits = shape === undefined ? source.shape.length === 1 : showShape(source.shape) === showShape(shape);
    if (source.dtype !== dtype || !fits) throw refuse(name, expected, `${source.dtype} ${showShape(source.shape)}`);
    return source;
  };
  const blockRows = Math.ceil(shape[0] / layout.rows);
  const columns = part("columns", columnType(shape[1]));
  const count = sizeOf(columns.shape);
  if (count > blockRows * shape[1]) throw refuse("columns", `at most ${blockRows * shape[1]} entries`, `${count}`);
  const values = part("values", "f32", [count * layout.rows]);
  const starts = part(layout.starts, "i32", [blockRows + 1]);
  return checkedWeight(layout, weight, shape, { values, columns, starts });
}

/** The parts of a file, each checked against the others when it is first read. */
function checkedWeight(
  layout: Layout,
  weight: string,
  [out, features]: readonly [number, number],
  { values, columns, starts }: { readonly values: TensorSource; readonly columns: TensorSource; readonly starts: TensorSource },
): StoredWeight {
  let checked = false;
  const readPattern = async (): Promise<Pattern> => {
    const [columnData, startData] = await Promise.all([columns.read(), starts.read()]);
    const pattern: Pattern = {
      rows: layout.rows,
      out,
      features,
      columns: Int32Array.from(columnData.data as Uint16Array),
      starts: startData.data as Int32Array,
    };
    if (!checked) checkPattern(pattern, { weight, columns: "columns", starts: layout.starts });
    checked = true;
    return pattern;
  };
  const guarded = (source: TensorSource, of: (pattern: Pattern) => HostTensor): TensorSource => ({
    ...source,
    read: async () => (checked ? source.read() : of(await readPattern())),
  });
  const parts: Parts = {
    values: {
      ...values,
      read: async () => {
        const tensor = await values.read();
        const bad = (tensor.data as Float32Array).findIndex((value) => !Number.isFinite(value));
        if (bad >= 0)
          throw storageInvalid({ weight, field: "values", expected: "finite numbers", found: `${tensor.data[bad]} at entry ${bad}` });
        return tensor;
      },
    },
    columns: guarded(columns, columnTensor),
    [layout.starts]: guarded(starts, ({ starts: data }) => ({ dtype: "i32", shape: starts.shape, data })),
  };
  return sparseWeight(layout, [out, features], parts, readPattern);
}

function sparseWeight(layout: Layout, shape: readonly [number, number], parts: Parts, readPattern: () => Promise<Pattern>): StoredWeight {
  const [out, features] = shape;
  const values = parts["values"]!;
  const columns = parts["columns"]!;
  const widened: Candidate["derived"] =
    columns.dtype === "i32"
      ? undefined
      : {
          columns32: {
            dtype: "i32",
            shape: columns.shape,
            make: async () => ({ dtype: "i32", shape: columns.shape, data: (await readPattern()).columns }),
          },
        };
  const bytes = Object.values(parts).reduce((total, part) => total + part.bytes, 0);
  return {
    storage: layout.storage,
    shape,
    bytes,
    parts,
    descriptor: { shape: [...shape], ...layout.descriptor },
    trainable: true,
    dense: async () => ({ dtype: "f32", shape, data: scatter(await readPattern(), (await values.read()).data as Float32Array) }),
    mask: async () => ({ dtype: "u8", shape, data: maskOf(await readPattern()) }),
    withValues: (dense) => {
      if (showShape(dense.shape) !== showShape(shape)) {
        throw shapeMismatch({ op: "withValues", field: "dense", expected: showShape(shape), found: showShape(dense.shape) });
      }
      return sparseWeight(layout, shape, { ...parts, values: gathered(values, readPattern, dense) }, readPattern);
    },
    candidates: (use) =>
      use === "linear"
        ? [{ ...layout.candidate(out, features, widened === undefined ? "columns" : "columns32"), bytes, derived: widened }]
        : [],
  };
}

function columnTensor({ columns, features }: Pattern): HostTensor {
  const dtype = columnType(features);
  return { dtype, shape: [columns.length], data: dtype === "u16" ? Uint16Array.from(columns) : columns };
}

/** New values at the same places, gathered when they are first read. */
function gathered(like: TensorSource, readPattern: () => Promise<Pattern>, dense: HostTensor): TensorSource {
  let given: HostTensor | undefined = dense;
  let values: Promise<HostTensor> | undefined;
  const gatherOnce = async (): Promise<HostTensor> => {
    const data = gather(await readPattern(), given!);
    given = undefined;
    return { dtype: "f32", shape: like.shape, data };
  };
  return { ...like, read: () => (values ??= gatherOnce()) };
}

function isMatrixShape(shape: unknown): shape is readonly [number, number] {
  return (
    Array.isArray(shape) &&
    shape.length === 2 &&
    shape.every((size) => Number.isSafeInteger(size) && size > 0) &&
    shape[0] * shape[1] <= MOST_ELEMENTS
  );
}
