import { API_VERSION } from "@pare/core";
import type { WasmEncoder, WasmPack, WasmTensor, WasmTypes } from "@pare/backend-wasm";
import { kernelsFor, type Activation } from "@pare/tensor-core";
import { modules } from "../generated/modules.ts";
import { linearBlockInputGradientOp, linearBlockOp, linearBlockValuesGradientOp } from "../ops/linear-block.ts";
import { linearCsrInputGradientOp, linearCsrOp, linearCsrValuesGradientOp } from "../ops/linear-csr.ts";

const implement = kernelsFor<WasmTypes>();

/** Sparse linear layers and their gradients for the WebAssembly device: `openWasm({ packs: [sparseWasmPack] })`. */
export const sparseWasmPack: WasmPack = {
  kind: "pack",
  id: "sparse/wasm",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/sparse-kernels",
  backend: "wasm",
  modules,
  kernels: [
    implement(linearBlockOp, (encoder, { x, values, columns, blockRowStarts, bias, residual }, { y }, { activation }) => {
      encodeLinear(encoder, BLOCK, { x, weight: [values, columns, blockRowStarts], bias, residual, y, activation });
    }),
    implement(linearCsrOp, (encoder, { x, values, columns, rowStarts, bias, residual }, { y }, { activation }) => {
      encodeLinear(encoder, CSR, { x, weight: [values, columns, rowStarts], bias, residual, y, activation });
    }),
    implement(linearBlockInputGradientOp, (encoder, { grad, values, columns, blockRowStarts }, { x }) => {
      encodeInputGradient(encoder, "f32_linear_block_input_gradient_4x8", grad, [values, columns, blockRowStarts], x);
    }),
    implement(linearCsrInputGradientOp, (encoder, { grad, values, columns, rowStarts }, { x }) => {
      encodeInputGradient(encoder, "f32_linear_csr_input_gradient_1x8", grad, [values, columns, rowStarts], x);
    }),
    implement(linearBlockValuesGradientOp, (encoder, { grad, x, columns, blockRowStarts }, { values }, { out, features }) => {
      const weight = addresses([columns, blockRowStarts, values]);
      const panels = pack(encoder, x, tokensOf(x));
      encoder.call(
        "f32_linear_block_values_gradient_4x8",
        grad.address,
        panels,
        ...weight,
        encoder.scratch(TILE),
        tokensOf(x),
        features,
        out,
      );
    }),
    implement(linearCsrValuesGradientOp, (encoder, { grad, x, columns, rowStarts }, { values }, { out, features }) => {
      const tokens = tokensOf(x);
      const weight = addresses([columns, rowStarts, values]);
      encoder.call(
        "f32_linear_csr_values_gradient_1x8",
        pack(encoder, grad, tokens),
        pack(encoder, x, tokens),
        ...weight,
        tokens,
        features,
        out,
      );
    }),
  ],
};

const PANEL = 8;
/** Bytes of scratch for outputs that do not fill a whole tile. */
const TILE = 256;
/** Up to this many tokens that fill no panel are cheaper one by one. */
const MOST_SINGLE = 3;
/** As the kernels number them. */
const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, relu: 1, gelu: 2, "gelu-tanh": 3, silu: 4 };

/** Names of the kernels over panels of tokens and over one token. */
interface LinearKernels {
  readonly panels: string;
  readonly token: string;
}

const BLOCK: LinearKernels = { panels: "f32_linear_block_4x8", token: "f32_linear_block_4x1" };
const CSR: LinearKernels = { panels: "f32_linear_csr_1x8", token: "f32_linear_csr_1x1" };

interface Linear {
  readonly x: WasmTensor;
  readonly weight: readonly WasmTensor[];
  readonly bias: WasmTensor | undefined;
  readonly residual: WasmTensor | undefined;
  readonly y: WasmTensor;
  readonly activation: Activation;
}

/** Whole panels, and the tokens left over as one more panel or, where they are few, one by one. */
function encodeLinear(encoder: WasmEncoder, kernels: LinearKernels, { x, weight, bias, residual, y, activation }: Linear): void {
  const [features, out, tokens] = [widthOf(x), widthOf(y), tokensOf(x)];
  const rest = tokens % PANEL;
  const packed = rest <= MOST_SINGLE ? tokens - rest : tokens;
  const rowAt = (tensor: WasmTensor | undefined, token: number): number =>
    tensor === undefined ? 0 : tensor.address + token * widthOf(tensor) * 4;
  const shared = [...addresses(weight), bias?.address ?? 0];
  if (packed > 0) {
    const panels = pack(encoder, x, packed);
    const sizes = [packed, features, out, ACTIVATIONS[activation]];
    encoder.call(kernels.panels, panels, ...shared, rowAt(residual, 0), y.address, encoder.scratch(TILE), ...sizes);
  }
  for (let token = packed; token < tokens; token++) {
    encoder.call(kernels.token, rowAt(x, token), ...shared, rowAt(residual, token), rowAt(y, token), out, ACTIVATIONS[activation]);
  }
}

function encodeInputGradient(encoder: WasmEncoder, kernel: string, grad: WasmTensor, weight: readonly WasmTensor[], x: WasmTensor): void {
  const [features, out, tokens] = [widthOf(x), widthOf(grad), tokensOf(grad)];
  const panels = pack(encoder, grad, tokens);
  encoder.call(kernel, panels, ...addresses(weight), x.address, encoder.scratch(panelBytes(features)), tokens, features, out);
}

/** Panels of the first `tokens` rows, in scratch. */
function pack(encoder: WasmEncoder, x: WasmTensor, tokens: number): number {
  const panels = encoder.scratch(Math.ceil(tokens / PANEL) * panelBytes(widthOf(x)));
  encoder.call("f32_pack_8", x.address, panels, tokens, widthOf(x));
  return panels;
}

/** Widths are padded to a multiple of four. */
function panelBytes(width: number): number {
  return Math.ceil(width / 4) * 4 * PANEL * 4;
}

function addresses(tensors: readonly WasmTensor[]): number[] {
  return tensors.map(({ address }) => address);
}

function widthOf({ shape }: WasmTensor): number {
  return shape.at(-1)!;
}

function tokensOf(tensor: WasmTensor): number {
  return tensor.size / widthOf(tensor);
}
