import type { Activation } from "@pare/tensor-core";
import type { WasmTensor } from "../types.ts";

const CODES: Readonly<Record<Activation, number>> = { none: 0, relu: 1, gelu: 2, "gelu-tanh": 3, silu: 4 };

export type Epilogue = readonly [bias: number, activation: number, residual: number, norm: number];

interface Added {
  readonly bias?: WasmTensor | undefined;
  readonly residual?: WasmTensor | undefined;
}

/**
 * The last four arguments of every linear kernel: bias or 0, activation (numbered as in `lib/activation.ts`), residual or 0, and the norm that
 * follows or 0 (`encoder.norm()`).
 */
export function epilogueArguments({ bias, residual }: Added, activation: Activation, norm: number): Epilogue {
  return [bias?.address ?? 0, CODES[activation], residual?.address ?? 0, norm];
}

/** The same for a part of the output whose bias and residual begin so many bytes further on. */
export function epilogueFrom([bias, activation, residual, norm]: Epilogue, biasBytes: number, residualBytes: number): Epilogue {
  return [bias === 0 ? 0 : bias + biasBytes, activation, residual === 0 ? 0 : residual + residualBytes, norm];
}
