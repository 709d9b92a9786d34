import { API_VERSION } from "@pare/core";
import type { WasmEncoder, WasmPack, WasmTensor, WasmTypes } from "@pare/backend-wasm";
import { kernelsFor, type Activation } from "@pare/tensor-core";
import { modules } from "../generated/modules.ts";
import { linearBlockInputGradientOp, linearBlockOp, linearBlockValuesGradientOp } from "../ops/linear-block.ts";
import { linearBlockInt8Op } from "../ops/linear-block-int8.ts";
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
  wide: async () => (await import("../generated/wide.ts")).modules,
  kernels: [
    implement(linearBlockOp, (encoder, { x, values, columns, blockRowStarts, bias, residual }, { y }, { activation, rows, width }) => {
      const weight = { parts: [values, columns, blockRowStarts], kept: values.size, rows };
      encodeLinear(encoder, { ...BLOCK, sizes: [rows, width] }, { x, weight, bias, residual, y, activation });
    }),
    implement(linearCsrOp, (encoder, { x, values, columns, rowStarts, bias, residual }, { y }, { activation }) => {
      const weight = { parts: [values, columns, rowStarts], kept: values.size, rows: 1 };
      encodeLinear(encoder, CSR, { x, weight, bias, residual, y, activation });
    }),
    implement(linearBlockInt8Op, (encoder, { x, pairs, scales, columns, blockRowStarts, bias, residual }, { y }, { activation }) => {
      const weight = { parts: [pairs, scales, columns, blockRowStarts], kept: 2 * pairs.size, rows: 4 };
      encodeRounded(encoder, { x, weight, bias, residual, y, activation });
    }),
    implement(linearBlockInputGradientOp, (encoder, { grad, values, columns, blockRowStarts }, { x }, { rows, width }) => {
      const weight = [values, columns, blockRowStarts];
      encodeInputGradient(encoder, "f32_linear_block_input_gradient_4x8", { grad, weight, x, sizes: [rows, width] });
    }),
    implement(linearCsrInputGradientOp, (encoder, { grad, values, columns, rowStarts }, { x }) => {
      const weight = [values, columns, rowStarts];
      encodeInputGradient(encoder, "f32_linear_csr_input_gradient_1x8", { grad, weight, x, sizes: [] });
    }),
    implement(linearBlockValuesGradientOp, (encoder, { grad, x, columns, blockRowStarts }, { values }, attrs) => {
      const { rows, width, out, features } = attrs;
      const weight = addresses([columns, blockRowStarts, values]);
      const tokens = tokensOf(x);
      const panels = pack(encoder, x, tokens);
      const work = { size: Math.ceil(out / rows), nanoseconds: NANOSECONDS * values.size * tokens };
      encoder.divide(work, (begin, end) => {
        const sizes = [encoder.scratch(TILE), tokens, features, out, rows, width, begin, end];
        encoder.call("f32_linear_block_values_gradient_4x8", grad.address, panels, ...weight, ...sizes);
      });
    }),
    implement(linearCsrValuesGradientOp, (encoder, { grad, x, columns, rowStarts }, { values }, { out, features }) => {
      const tokens = tokensOf(x);
      const places = [pack(encoder, grad, tokens), pack(encoder, x, tokens), ...addresses([columns, rowStarts, values])];
      encoder.divide({ size: out, nanoseconds: NANOSECONDS * values.size * tokens }, (begin, end) =>
        encoder.call("f32_linear_csr_values_gradient_1x8", ...places, tokens, features, out, begin, end),
      );
    }),
  ],
};

const PANEL = 8;
/** Bytes of scratch for sums on their way to the output. */
const TILE = 384;
/** Up to this many tokens that fill no panel are cheaper one by one. */
const MOST_SINGLE = 3;
/** As the kernels number them. */
const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, relu: 1, gelu: 2, "gelu-tanh": 3, silu: 4 };

/** What one multiplication takes, roughly: pieces of work too short to hand to another thread are found by it. */
const NANOSECONDS = 0.06;

/** Kernels over panels of tokens and over one token. */
interface LinearKernels {
  readonly panels: string;
  readonly token: string;
  /** Rows at which a range may begin, in block rows. */
  readonly grain: number;
  /** Outputs and inputs of a block, for kernels that ask. */
  readonly sizes: readonly number[];
}

const BLOCK: Omit<LinearKernels, "sizes"> = { panels: "f32_linear_block_4x8", token: "f32_linear_block_4x1", grain: 1 };
const CSR: LinearKernels = { panels: "f32_linear_csr_1x8", token: "f32_linear_csr_1x1", grain: 4, sizes: [] };

interface Linear {
  readonly x: WasmTensor;
  readonly weight: {
    readonly parts: readonly WasmTensor[];
    /** Values that are kept. */
    readonly kept: number;
    /** Outputs of a block row. */
    readonly rows: number;
  };
  readonly bias: WasmTensor | undefined;
  readonly residual: WasmTensor | undefined;
  readonly y: WasmTensor;
  readonly activation: Activation;
}

/** Whole panels, and the tokens left over as one more panel or, where they are few, one by one. */
function encodeLinear(encoder: WasmEncoder, kernels: LinearKernels, { x, weight, bias, residual, y, activation }: Linear): void {
  const [features, out, tokens] = [widthOf(x), widthOf(y), tokensOf(x)];
  const { packed, single } = splitTokens(tokens);
  const [shared, norm] = [[...addresses(weight.parts), bias?.address ?? 0], encoder.norm()];
  const work = (tokens: number) => ({
    size: Math.ceil(out / weight.rows),
    grain: kernels.grain,
    nanoseconds: NANOSECONDS * weight.kept * tokens,
  });
  if (packed > 0) {
    const panels = pack(encoder, x, packed);
    const sizes = [packed, features, out, ACTIVATIONS[activation], ...kernels.sizes];
    encoder.divide(work(packed), (begin, end) =>
      encoder.call(kernels.panels, panels, ...shared, rowAt(residual, 0), norm, y.address, encoder.scratch(TILE), ...sizes, begin, end),
    );
  }
  for (const token of single) {
    encoder.divide(work(1), (begin, end) => {
      const places = [rowAt(x, token), ...shared, rowAt(residual, token), norm, rowAt(y, token)];
      const sizes =
        kernels.sizes.length === 0 ? [ACTIVATIONS[activation]] : [encoder.scratch(TILE), features, out, ACTIVATIONS[activation]];
      encoder.call(kernels.token, ...places, ...sizes, ...kernels.sizes, begin, end);
    });
  }
}

/** As {@link encodeLinear}, over activations rounded to int8. */
function encodeRounded(encoder: WasmEncoder, { x, weight, bias, residual, y, activation }: Linear): void {
  const [features, out, tokens] = [widthOf(x), widthOf(y), tokensOf(x)];
  const rowBytes = 4 * Math.ceil(features / 2);
  const rounded = encoder.scratch(tokens * rowBytes);
  const rowScales = encoder.scratch(4 * Math.ceil(tokens / PANEL) * PANEL);
  encoder.divide({ size: tokens, nanoseconds: 0.5 * x.size }, (begin, end) => {
    const places = [x.address + 4 * begin * features, rounded + begin * rowBytes, rowBytes, rowScales + 4 * begin];
    encoder.call("f32_round_rows", ...places, end - begin, features, features);
  });
  const [shared, norm] = [[...addresses(weight.parts), bias?.address ?? 0], encoder.norm()];
  const work = (count: number) => ({ size: Math.ceil(out / 4), nanoseconds: 0.6 * NANOSECONDS * weight.kept * count });
  const { packed, single } = splitTokens(tokens);
  if (packed > 0) {
    const bytes = 32 * Math.ceil(features / 2);
    const panels = encoder.scratch(Math.ceil(packed / PANEL) * bytes);
    encoder.divide({ size: Math.ceil(packed / PANEL), nanoseconds: 0.3 * packed * features }, (begin, end) => {
      const first = begin * PANEL;
      const count = Math.min(end * PANEL, packed) - first;
      encoder.call("i16_pack_pairs_8", rounded + first * rowBytes, panels + begin * bytes, count, features);
    });
    encoder.divide(work(packed), (begin, end) => {
      const places = [...shared, residual?.address ?? 0, norm, y.address, encoder.scratch(TILE)];
      encoder.call("i16_linear_block_4x8", panels, rowScales, ...places, packed, features, out, ACTIVATIONS[activation], begin, end);
    });
  }
  for (const token of single) {
    encoder.divide(work(1), (begin, end) => {
      const places = [...shared, rowAt(residual, token), norm, rowAt(y, token)];
      const row = [rounded + token * rowBytes, rowScales + 4 * token];
      encoder.call("i16_linear_block_4x1", ...row, ...places, out, ACTIVATIONS[activation], begin, end);
    });
  }
}

/** Tokens from the first on that go in panels, and those after them that go one by one. */
function splitTokens(tokens: number): { readonly packed: number; readonly single: readonly number[] } {
  const rest = tokens % PANEL;
  const packed = rest <= MOST_SINGLE ? tokens - rest : tokens;
  return { packed, single: Array.from({ length: tokens - packed }, (_, index) => packed + index) };
}

function rowAt(tensor: WasmTensor | undefined, token: number): number {
  return tensor === undefined ? 0 : tensor.address + token * widthOf(tensor) * 4;
}

interface InputGradient {
  readonly grad: WasmTensor;
  readonly weight: readonly WasmTensor[];
  readonly x: WasmTensor;
  readonly sizes: readonly number[];
}

function encodeInputGradient(encoder: WasmEncoder, kernel: string, { grad, weight, x, sizes }: InputGradient): void {
  const [features, out, tokens] = [widthOf(x), widthOf(grad), tokensOf(grad)];
  const panels = pack(encoder, grad, tokens);
  const work = { size: Math.ceil(tokens / PANEL), nanoseconds: NANOSECONDS * weight[0]!.size * tokens };
  encoder.divide(work, (begin, end) => {
    const first = begin * PANEL;
    const places = [panels + begin * panelBytes(out), ...addresses(weight), x.address + 4 * first * features];
    const count = Math.min(end * PANEL, tokens) - first;
    encoder.call(kernel, ...places, encoder.scratch(panelBytes(features)), count, features, out, ...sizes);
  });
}

/** Panels of the first `tokens` rows, in scratch. */
function pack(encoder: WasmEncoder, x: WasmTensor, tokens: number): number {
  const width = widthOf(x);
  const panels = encoder.scratch(Math.ceil(tokens / PANEL) * panelBytes(width));
  encoder.divide({ size: Math.ceil(tokens / PANEL), nanoseconds: 0.4 * tokens * width }, (begin, end) => {
    const first = begin * PANEL;
    const count = Math.min(end * PANEL, tokens) - first;
    encoder.call("f32_pack_8", x.address + 4 * first * width, panels + begin * panelBytes(width), count, width);
  });
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
