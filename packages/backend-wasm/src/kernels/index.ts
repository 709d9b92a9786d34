import type { Kernel } from "@pare/tensor-core";
import type { WasmTypes } from "../types.ts";

/** Every kernel of this package. */
export const KERNELS: readonly Kernel<WasmTypes>[] = [];
