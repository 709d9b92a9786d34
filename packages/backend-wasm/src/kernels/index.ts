import type { Kernel } from "@pare/tensor-core";
import type { WasmTypes } from "../types.ts";
import { linearKernel } from "./linear.ts";
import { matmulKernel } from "./matmul.ts";

/** Every kernel of this package. */
export const KERNELS: readonly Kernel<WasmTypes>[] = [linearKernel, matmulKernel];
