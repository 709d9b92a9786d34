import type { Activation } from "@pare/tensor-core";
import type { WasmTensor } from "../types.ts";

const CODES: Readonly<Record<Activation, number>> = { none: 0, relu: 1, gelu: 2, "gelu-tanh": 3, silu: 4 };

export type Epilogue = readonly [bias: number, activation: number, residual: number];

/** The last three arguments of every linear kernel: bias or 0, activation, residual or 0 (numbers as in `lib/activation.ts`). */
export function epilogueArguments(bias: WasmTensor | undefined, activation: Activation, residual: WasmTensor | undefined): Epilogue {
  return [bias?.address ?? 0, CODES[activation], residual?.address ?? 0];
}

/** The same for a part of the output whose bias and residual begin so many bytes further on. */
export function epilogueFrom([bias, activation, residual]: Epilogue, biasBytes: number, residualBytes: number): Epilogue {
  return [bias === 0 ? 0 : bias + biasBytes, activation, residual === 0 ? 0 : residual + residualBytes];
}
