/** Sparse linear layers and their gradients as gpu.js shaders: one element of the output each. */
import { API_VERSION } from "@pare/core";
import type { AnyShader, GpujsEncoder, GpujsPack, GpujsTensor, GpujsTypes } from "@pare/backend-gpujs";
import { kernelsFor, type Activation } from "@pare/tensor-core";
import { linearBlockInputGradientOp, linearBlockOp, linearBlockValuesGradientOp } from "../ops/linear-block.ts";
import { linearCsrInputGradientOp, linearCsrOp, linearCsrValuesGradientOp } from "../ops/linear-csr.ts";

const implement = kernelsFor<GpujsTypes>();

/** What gpu.js cannot run, and why: `skip` of a conformance suite. Such weights run from the floats that their codes stand for. */
export const SPARSE_UNSUPPORTED: Readonly<Record<string, string>> = {
  "linear-block-int8": "two 16-bit codes are one 32-bit integer, and gpu.js keeps every number as a float of 24 bits",
};

/** For the gpu.js device: `openGpujs({ packs: [sparseGpujsPack] })`. */
export const sparseGpujsPack: GpujsPack = {
  kind: "pack",
  id: "sparse/gpujs",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  backend: "gpujs",
  kernels: [
    implement(
      linearBlockOp,
      (encoder, { x, values, columns, blockRowStarts: starts, bias, residual }, { y }, { rows, width, activation }) =>
        encodeLinear(encoder, { x, values, columns, starts, bias, residual }, y, { rows, width, activation }),
    ),
    implement(linearCsrOp, (encoder, { x, values, columns, rowStarts: starts, bias, residual }, { y }, { activation }) =>
      encodeLinear(encoder, { x, values, columns, starts, bias, residual }, y, { ...SINGLE, activation }),
    ),
    implement(linearBlockInputGradientOp, (encoder, { grad, values, columns, blockRowStarts: starts }, { x }, { rows, width }) =>
      encodeInputGradient(encoder, { grad, values, columns, starts }, x, { rows, width }),
    ),
    implement(linearCsrInputGradientOp, (encoder, { grad, values, columns, rowStarts: starts }, { x }) =>
      encodeInputGradient(encoder, { grad, values, columns, starts }, x, SINGLE),
    ),
    implement(linearBlockValuesGradientOp, (encoder, { grad, x, columns, blockRowStarts: starts }, { values }, { rows, width }) =>
      encodeValuesGradient(encoder, { grad, x, columns, starts }, values, { rows, width }),
    ),
    implement(linearCsrValuesGradientOp, (encoder, { grad, x, columns, rowStarts: starts }, { values }) =>
      encodeValuesGradient(encoder, { grad, x, columns, starts }, values, SINGLE),
    ),
  ],
};

interface Size {
  readonly rows: number;
  readonly width: number;
}
const SINGLE: Size = { rows: 1, width: 1 };

interface Places {
  readonly columns: GpujsTensor;
  readonly starts: GpujsTensor;
}

const ACTIVATED: Readonly<Record<Activation, string>> = {
  none: "total",
  relu: "activateRelu(total)",
  gelu: "activateGelu(total)",
  "gelu-tanh": "activateGeluTanh(total)",
  silu: "activateSilu(total)",
};

interface LinearTensors extends Places {
  readonly x: GpujsTensor;
  readonly values: GpujsTensor;
  readonly bias?: GpujsTensor | undefined;
  readonly residual?: GpujsTensor | undefined;
}

/** Each output passes over the blocks of its row. */
function encodeLinear(
  encoder: GpujsEncoder,
  { bias, residual, ...tensors }: LinearTensors,
  y: GpujsTensor,
  { rows, width, activation }: Size & { readonly activation: Activation },
): void {
  const optional = Object.entries({ bias, residual }).filter((entry): entry is [string, GpujsTensor] => entry[1] !== undefined);
  const shader: AnyShader = {
    name: ["f32_sparse_linear", activation.replace("-", "_"), ...optional.map(([name]) => name)].join("_"),
    parameters: {
      x: "tensor",
      values: "tensor",
      columns: "tensor",
      starts: "tensor",
      ...Object.fromEntries(optional.map(([name]) => [name, "tensor" as const])),
      out: "integer",
      features: "integer",
      rows: "integer",
      width: "integer",
    },
    body: `const token = quotient(i, out);
      const output = i - token * out;
      const blockRow = quotient(output, rows);
      const inner = output - blockRow * rows;
      const last = Math.floor(starts[blockRow + 1] + 0.5);
      let total = ${bias === undefined ? "0.0" : "bias[output]"};
      for (let block = Math.floor(starts[blockRow] + 0.5); block < last; block++) {
        const column = Math.floor(columns[block] + 0.5) * width;
        for (let w = 0; w < width; w++) {
          if (column + w < features) {
            total += x[token * features + column + w] * values[(block * width + w) * rows + inner];
          }
        }
      }
      return ${ACTIVATED[activation]}${residual === undefined ? "" : " + residual[i]"};`,
  };
  const sizes = { out: y.shape.at(-1)!, features: tensors.x.shape.at(-1)!, rows, width };
  encoder.pass(shader, y, { ...tensors, ...Object.fromEntries(optional), ...sizes });
}

/** Element (output, column) of the weight, 0 where nothing is kept. */
const DENSE = {
  name: "f32_sparse_dense",
  parameters: { values: "tensor", columns: "tensor", starts: "tensor", features: "integer", rows: "integer", width: "integer" },
  body: `const output = quotient(i, features);
    const column = i - output * features;
    const blockRow = quotient(output, rows);
    const blockColumn = quotient(column, width);
    const last = Math.floor(starts[blockRow + 1] + 0.5);
    let found = 0.0;
    for (let block = Math.floor(starts[blockRow] + 0.5); block < last; block++) {
      if (Math.floor(columns[block] + 0.5) - blockColumn === 0) {
        found = values[(block * width + column - blockColumn * width) * rows + output - blockRow * rows];
        break;
      }
    }
    return found;`,
} as const;

const INPUT_GRADIENT = {
  name: "f32_sparse_input_gradient",
  parameters: { grad: "tensor", weight: "tensor", out: "integer", features: "integer" },
  body: `const token = quotient(i, features);
    const column = i - token * features;
    let total = 0.0;
    for (let output = 0; output < out; output++) {
      total += grad[token * out + output] * weight[output * features + column];
    }
    return total;`,
} as const;

/** Shaders cannot add to an element that others add to as well: the weight is laid out dense first. */
function encodeInputGradient(
  encoder: GpujsEncoder,
  { grad, ...weight }: Places & { readonly grad: GpujsTensor; readonly values: GpujsTensor },
  x: GpujsTensor,
  size: Size,
): void {
  const [out, features] = [grad.shape.at(-1)!, x.shape.at(-1)!];
  const dense = encoder.scratch([out, features]);
  encoder.pass(DENSE, dense, { ...weight, features, ...size });
  encoder.pass(INPUT_GRADIENT, x, { grad, weight: dense, out, features });
}

/** Element of a kept place, its block row found in the starts; padding is 0. */
const VALUES_GRADIENT = {
  name: "f32_sparse_values_gradient",
  parameters: {
    grad: "tensor",
    x: "tensor",
    columns: "tensor",
    starts: "tensor",
    tokens: "integer",
    out: "integer",
    features: "integer",
    rows: "integer",
    width: "integer",
    blockRows: "integer",
  },
  body: `const block = quotient(i, rows * width);
    const inside = i - block * rows * width;
    const w = quotient(inside, rows);
    let blockRow = 0;
    for (let row = 1; row < blockRows; row++) {
      if (Math.floor(starts[row] + 0.5) <= block) { blockRow = row; }
    }
    const output = blockRow * rows + inside - w * rows;
    const column = Math.floor(columns[block] + 0.5) * width + w;
    let total = 0.0;
    if (output < out) {
      if (column < features) {
        for (let token = 0; token < tokens; token++) {
          total += grad[token * out + output] * x[token * features + column];
        }
      }
    }
    return total;`,
} as const;

function encodeValuesGradient(
  encoder: GpujsEncoder,
  { grad, x, ...places }: Places & { readonly grad: GpujsTensor; readonly x: GpujsTensor },
  values: GpujsTensor,
  size: Size,
): void {
  const [out, features] = [grad.shape.at(-1)!, x.shape.at(-1)!];
  const sizes = { tokens: x.size / features, out, features, ...size, blockRows: Math.ceil(out / size.rows) };
  encoder.pass(VALUES_GRADIENT, values, { grad, x, ...places, ...sizes });
}
