/** What the sparse storages of floats share: where kept blocks lie, and their values. */
import {
  showShape,
  shapeMismatch,
  sourceOf,
  storageInvalid,
  type Candidate,
  type HostTensor,
  type StoredWeight,
  type TensorSource,
} from "@pare/tensor-core";
import { gather, maskOf, patternOf, scatter, type Pattern } from "./pattern.ts";
import {
  columnsOf,
  loadPlaces,
  onlyParts,
  partOf,
  placesOf,
  refusal,
  type Parts,
  type PatternLayout,
  type Places,
} from "./pattern-parts.ts";

/** How one storage lays a pattern down. */
export interface Layout extends PatternLayout {
  readonly storage: string;
  /** What the descriptor says besides the shape. */
  readonly descriptor: Readonly<Record<string, unknown>>;
  /** @param parts names of the parts that hold values as f32 and columns as i32. */
  readonly candidate: (
    out: number,
    features: number,
    parts: { readonly values: string; readonly columns: string },
  ) => Pick<Candidate, "name" | "ops" | "lower">;
}

/** Throws `tensor-core/storage-invalid` or `sparse-kernels/mask-invalid`. */
export function toSparse(layout: Layout, dense: HostTensor, mask?: HostTensor): StoredWeight {
  const pattern = patternOf(dense, layout, mask);
  const values = gather(pattern, dense, mask);
  return sparseWeight(layout, placesOf(layout, pattern), sourceOf({ dtype: "f32", shape: [values.length], data: values }));
}

/** Checks what headers can tell; the numbers themselves are checked when they are first read. */
export function loadSparse(layout: Layout, weight: string, descriptor: Readonly<Record<string, unknown>>, parts: Parts): StoredWeight {
  for (const [name, value] of Object.entries(layout.descriptor)) {
    if (descriptor[name] !== value) throw refusal(weight)(name, JSON.stringify(value), descriptor[name]);
  }
  onlyParts(weight, parts, ["values", "columns", layout.starts]);
  const places = loadPlaces(layout, weight, descriptor, parts);
  const values = partOf(weight, parts, "values", "f32", [places.blocks * layout.rows * layout.width]);
  return sparseWeight(layout, places, finite(weight, values));
}

function finite(weight: string, values: TensorSource): TensorSource {
  const read = async (): Promise<HostTensor> => {
    const tensor = await values.read();
    const bad = (tensor.data as Float32Array).findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw storageInvalid({ weight, field: "values", expected: "finite numbers", found: `${tensor.data[bad]} at entry ${bad}` });
    return tensor;
  };
  return { ...values, read };
}

function sparseWeight(layout: Layout, places: Places, values: TensorSource): StoredWeight {
  const { shape } = places;
  const columns = columnsOf(places);
  const parts: Parts = { values, ...places.parts };
  const bytes = Object.values(parts).reduce((total, part) => total + part.bytes, 0);
  return {
    ...patterned(places, values, (next) => sparseWeight(layout, places, next)),
    storage: layout.storage,
    bytes,
    parts,
    descriptor: { shape: [...shape], ...layout.descriptor },
    candidates: (use) =>
      use === "linear"
        ? [{ ...layout.candidate(...shape, { values: "values", columns: columns.part }), bytes, derived: columns.derived }]
        : [],
  };
}

/** What a weight's pattern and values give whatever its storage. */
export function patterned(
  { shape, pattern }: Pick<Places, "shape" | "pattern">,
  values: TensorSource,
  replaced: (values: TensorSource) => StoredWeight,
): Pick<StoredWeight, "shape" | "trainable" | "dense" | "mask" | "withValues"> {
  return {
    shape,
    trainable: true,
    dense: async () => ({ dtype: "f32", shape, data: scatter(await pattern(), (await values.read()).data as Float32Array) }),
    mask: async () => ({ dtype: "u8", shape, data: maskOf(await pattern()) }),
    withValues: (dense) => {
      if (showShape(dense.shape) !== showShape(shape)) {
        throw shapeMismatch({ op: "withValues", field: "dense", expected: showShape(shape), found: showShape(dense.shape) });
      }
      return replaced(gathered(values, pattern, dense));
    },
  };
}

/** New values at the same places, gathered when they are first read. */
function gathered(like: TensorSource, pattern: () => Promise<Pattern>, dense: HostTensor): TensorSource {
  let given: HostTensor | undefined = dense;
  let values: Promise<HostTensor> | undefined;
  const gatherOnce = async (): Promise<HostTensor> => {
    const data = gather(await pattern(), given!);
    given = undefined;
    return { dtype: "f32", shape: like.shape, data };
  };
  return { ...like, read: () => (values ??= gatherOnce()) };
}
