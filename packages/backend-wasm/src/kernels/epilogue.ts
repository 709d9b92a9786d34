import type { Activation } from "@pare/tensor-core";
import type { WasmTensor } from "../types.ts";

const CODES: Readonly<Record<Activation, number>> = { none: 0, relu: 1, gelu: 2, "gelu-tanh": 3, silu: 4 };

/** The last three arguments of every linear kernel: bias or 0, activation, residual or 0 (numbers as in `lib/activation.ts`). */
export function epilogueArguments(
  bias: WasmTensor | undefined,
  activation: Activation,
  residual: WasmTensor | undefined,
): readonly [number, number, number] {
  return [bias?.address ?? 0, CODES[activation], residual?.address ?? 0];
}
