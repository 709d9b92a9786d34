/** Arithmetic that the sparse ops define themselves by: blocks of `rows` outputs × `width` inputs, CSR being the case of 1 × 1. */
import {
  ACTIVATIONS,
  sameDim,
  sameShape,
  shapeMismatch,
  showShape,
  sizeOf,
  type Activation,
  type DType,
  type HostTensor,
  type Shape,
  type TensorType,
} from "@pare/tensor-core";

/** A sparse weight as an op is given it. */
export interface Blocks {
  readonly rows: number;
  /** Inputs per block. */
  readonly width: number;
  readonly out: number;
  readonly features: number;
  readonly values: HostTensor;
  readonly columns: HostTensor;
  readonly starts: HostTensor;
}
type Places = Omit<Blocks, "values">;

/** Throws `tensor-core/shape-mismatch` for the first given input that is not of its type. */
export function expectTypes(
  op: string,
  given: Readonly<Record<string, TensorType | undefined>>,
  expected: Readonly<Record<string, TensorType>>,
): void {
  for (const [field, { dtype, shape }] of Object.entries(expected)) {
    const found = given[field];
    if (found !== undefined && (found.dtype !== dtype || !sameShape(found.shape, shape))) {
      throw shapeMismatch({ op, field, expected: `${dtype} ${showShape(shape)}`, found: `${found.dtype} ${showShape(found.shape)}` });
    }
  }
}

/** `[…, from]` → `[…, to]`, floats; f64 only where a gradient is checked. */
export function replaceLast(op: string, field: string, { dtype, shape }: TensorType, from: number, to: number): TensorType {
  const last = shape.at(-1);
  if ((dtype !== "f32" && dtype !== "f64") || last === undefined || !sameDim(last, from)) {
    throw shapeMismatch({ op, field, expected: `f32 […, ${from}]`, found: `${dtype} ${showShape(shape)}` });
  }
  return { dtype, shape: [...shape.slice(0, -1), to] };
}

/** Types of values, columns and starts, their length taken from `columns`. */
export function blockTypes(
  { shape }: TensorType,
  dtype: DType,
  { rows, width, out }: { readonly rows: number; readonly width: number; readonly out: number },
): { readonly values: TensorType; readonly columns: TensorType; readonly starts: TensorType } {
  const count = Number(shape[0]);
  return {
    values: { dtype, shape: [count * rows * width] },
    columns: { dtype: "i32", shape: [count] },
    starts: { dtype: "i32", shape: [Math.ceil(out / rows) + 1] },
  };
}

/** y = act(x·Wᵀ + bias) + residual; x `[…, features]` → `[…, out]`. */
export function multiply(
  x: HostTensor,
  blocks: Blocks,
  {
    bias,
    residual,
    activation,
  }: { readonly bias?: HostTensor | undefined; readonly residual?: HostTensor | undefined; readonly activation: Activation },
): HostTensor {
  const { out, features } = blocks;
  const shape = [...x.shape.slice(0, -1), out];
  const tokens = sizeOf(x.shape) / features;
  const sums = new Float64Array(tokens * out);
  forEachWeight(blocks, (row, column, entry) => {
    const value = numbers(blocks.values)[entry]!;
    for (let token = 0; token < tokens; token++) sums[token * out + row]! += numbers(x)[token * features + column]! * value;
  });
  if (bias !== undefined) for (let i = 0; i < sums.length; i++) sums[i]! += numbers(bias)[i % out]!;
  const activated = sums.map(ACTIVATIONS[activation]);
  return floats(x.dtype, shape, residual === undefined ? activated : activated.map((value, i) => value + numbers(residual)[i]!));
}

/** dx = dy·W; grad `[…, out]` → `[…, features]`. */
export function multiplyTransposed(grad: HostTensor, blocks: Blocks): HostTensor {
  const { out, features } = blocks;
  const tokens = sizeOf(grad.shape) / out;
  const sums = new Float64Array(tokens * features);
  forEachWeight(blocks, (row, column, entry) => {
    const value = numbers(blocks.values)[entry]!;
    for (let token = 0; token < tokens; token++) sums[token * features + column]! += numbers(grad)[token * out + row]! * value;
  });
  return floats(grad.dtype, [...grad.shape.slice(0, -1), features], sums);
}

/** dW = dyᵀ·x at the kept places alone (SDDMM); padding gets 0. */
export function multiplySampled(grad: HostTensor, x: HostTensor, places: Places): HostTensor {
  const { rows, width, out, features } = places;
  const tokens = sizeOf(x.shape) / features;
  const sums = new Float64Array(places.columns.data.length * rows * width);
  forEachWeight(places, (row, column, entry) => {
    for (let token = 0; token < tokens; token++) sums[entry]! += numbers(grad)[token * out + row]! * numbers(x)[token * features + column]!;
  });
  return floats(x.dtype, [sums.length], sums);
}

function forEachWeight(
  { rows, width, out, features, columns, starts }: Places,
  visit: (row: number, column: number, entry: number) => void,
): void {
  const first = numbers(starts);
  for (let blockRow = 0; blockRow + 1 < first.length; blockRow++) {
    const height = Math.min(rows, out - blockRow * rows);
    for (let block = first[blockRow]!; block < first[blockRow + 1]!; block++) {
      const left = numbers(columns)[block]! * width;
      for (let column = left; column < Math.min(left + width, features); column++) {
        for (let row = 0; row < height; row++) visit(blockRow * rows + row, column, (block * width + column - left) * rows + row);
      }
    }
  }
}

function numbers(tensor: HostTensor): Float64Array {
  return tensor.data as Float64Array;
}

function floats(dtype: DType, shape: Shape & readonly number[], data: Float64Array): HostTensor {
  return { dtype, shape, data: dtype === "f64" ? data : Float32Array.from(data) };
}
