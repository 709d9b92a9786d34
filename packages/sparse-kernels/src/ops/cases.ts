/** Small sparse layers to check kernels on: sizes around the vector lanes, empty rows, nothing kept, everything kept. */
import { f32, fork, i32, uniform, type Activation, type HostTensor } from "@pare/tensor-core";

export interface CaseTensors {
  readonly x: HostTensor;
  readonly grad: HostTensor;
  readonly values: HostTensor;
  readonly columns: HostTensor;
  readonly starts: HostTensor;
  readonly bias?: HostTensor | undefined;
  readonly residual?: HostTensor | undefined;
}
interface Size {
  readonly name: string;
  /** Leading dimensions of x. */
  readonly lead: readonly number[];
  readonly out: number;
  readonly features: number;
  /** Share of the blocks that are kept. */
  readonly density: number;
}
interface SparseCase<Inputs, Attrs> {
  readonly name: string;
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly tolerance: number;
  readonly why: string;
  readonly checkGradient?: readonly never[] | undefined;
}

/** Outputs and inputs of a block where the layout has blocks. */
interface BlockExtra {
  readonly rows?: number;
  readonly width?: number;
}

const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 33];
const TOLERANCE = { tolerance: 1e-5, why: "f32 sums, in an order of their own, over at most 70 products in [−1, 1)" };
const FINITE_DIFFERENCES = 9;

/** Cases of `y = act(x·Wᵀ + bias) + residual`; `extra` are the layout's own attributes. */
export function* linearCases<Extra extends BlockExtra, Inputs>(
  extra: Extra,
  inputsOf: (tensors: CaseTensors) => Inputs,
): Generator<SparseCase<Inputs, Extra & { out: number; features: number; activation: Activation }>> {
  const given = (size: Size, withBias: boolean, withResidual: boolean, activation: Activation) => {
    const { bias, residual, ...tensors } = tensorsOf(size, extra);
    const small = size.out * size.features <= FINITE_DIFFERENCES ** 2 && activation === "none" && !withResidual;
    return {
      name: [...blockName(extra), size.name, ...(withBias ? ["bias"] : []), ...(withResidual ? ["residual"] : []), activation].join(", "),
      inputs: inputsOf({ ...tensors, bias: withBias ? bias : undefined, residual: withResidual ? residual : undefined }),
      attrs: { ...extra, out: size.out, features: size.features, activation },
      ...TOLERANCE,
      ...(small ? {} : { checkGradient: [] }),
    };
  };
  let index = 0;
  for (const size of sizes()) {
    yield given(size, index % 2 === 1, index % 3 === 2, "none");
    index++;
  }
  const activations: Activation[] = ["relu", "gelu", "gelu-tanh", "silu"];
  for (const activation of activations) {
    for (const tokens of [1, 8, 13]) yield given(sizeOf([tokens], 7, 9, 0.5), tokens === 1, tokens === 13, activation);
  }
  yield given(sizeOf([10], 67, 70, 0.3), true, true, "gelu");
}

/** Cases of the two gradients. */
export function* gradientCases<Extra extends BlockExtra, Inputs>(
  extra: Extra,
  inputsOf: (tensors: CaseTensors) => Inputs,
): Generator<SparseCase<Inputs, Extra & { out: number; features: number }>> {
  for (const size of sizes()) {
    const tensors = tensorsOf(size, extra);
    yield {
      name: [...blockName(extra), size.name].join(", "),
      inputs: inputsOf(tensors),
      attrs: { ...extra, out: size.out, features: size.features },
      ...TOLERANCE,
    };
  }
}

function blockName({ rows, width }: BlockExtra): string[] {
  return rows === undefined ? [] : [`blocks of ${rows}×${width}`];
}

function* sizes(): Generator<Size> {
  for (const size of SIZES) {
    yield sizeOf([size], 9, 7, 0.5);
    yield sizeOf([9], size, 8, 0.5);
    yield sizeOf([8], 5, size, 0.5);
  }
  yield sizeOf([], 6, 5, 0.5);
  yield sizeOf([2, 3], 8, 9, 0.4);
  for (const tokens of [1, 9]) {
    yield sizeOf([tokens], 10, 9, 0);
    yield sizeOf([tokens], 10, 9, 1);
    yield sizeOf([tokens], 33, 12, 0.05);
  }
}

function sizeOf(lead: readonly number[], out: number, features: number, density: number): Size {
  return { name: `[${[...lead, features].join()}] by ${out}, ${density * 100} % kept`, lead, out, features, density };
}

function tensorsOf({ name, lead, out, features, density }: Size, { rows = 1, width = 1 }: BlockExtra): CaseTensors {
  const seed = fork(rows + 100 * (width - 1), name);
  let stream = 0;
  const draw = (shape: readonly number[]): HostTensor => {
    const count = shape.reduce((product, size) => product * size, 1);
    return f32(
      shape,
      uniform(seed, stream++, count).map((value) => 2 * value - 1),
    );
  };
  const blockRows = Math.ceil(out / rows);
  const blockColumns = Math.ceil(features / width);
  const chance = uniform(seed, stream++, blockRows * blockColumns);
  const columns: number[] = [];
  const starts = [0];
  for (let row = 0; row < blockRows; row++) {
    for (let column = 0; column < blockColumns; column++) if (chance[row * blockColumns + column]! < density) columns.push(column);
    starts.push(columns.length);
  }
  return {
    x: draw([...lead, features]),
    grad: draw([...lead, out]),
    values: draw([columns.length * rows * width]),
    columns: i32([columns.length], columns),
    starts: i32([starts.length], starts),
    bias: draw([out]),
    residual: draw([...lead, out]),
  };
}
