import type { Kernel } from "@pare/tensor-core";
import type { WasmTypes } from "../types.ts";
import { affineKernels } from "./affine.ts";
import { attentionKernels } from "./attention.ts";
import { binaryKernels } from "./binary.ts";
import { cacheWriteKernel } from "./cache-write.ts";
import { castKernel } from "./cast.ts";
import { copyKernels } from "./copy.ts";
import { gatedKernels } from "./gated.ts";
import { linearKernel } from "./linear.ts";
import { matmulKernel } from "./matmul.ts";
import { normKernels } from "./norm.ts";
import { optimizerKernels } from "./optimizer.ts";
import { randomUniformKernel } from "./random-uniform.ts";
import { reduceKernels } from "./reduce.ts";
import { ropeKernel } from "./rope.ts";
import { rowsKernels } from "./rows.ts";
import { selectKernel } from "./select.ts";
import { softmaxKernels } from "./softmax.ts";
import { unaryKernels } from "./unary.ts";

/** Every kernel of this package. */
export const KERNELS: readonly Kernel<WasmTypes>[] = [
  ...affineKernels,
  ...attentionKernels,
  ...binaryKernels,
  cacheWriteKernel,
  castKernel,
  ...copyKernels,
  ...gatedKernels,
  linearKernel,
  matmulKernel,
  ...normKernels,
  ...optimizerKernels,
  randomUniformKernel,
  ...reduceKernels,
  ropeKernel,
  ...rowsKernels,
  selectKernel,
  ...softmaxKernels,
  ...unaryKernels,
];
