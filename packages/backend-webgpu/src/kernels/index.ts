import type { Kernel } from "@pare/tensor-core";
import type { WebgpuTypes } from "../types.ts";
import { affineInt8Kernel } from "./affine-int8.ts";
import { affineKernels } from "./affine.ts";
import { attentionKernels } from "./attention.ts";
import { binaryKernels } from "./binary.ts";
import { cacheWriteKernel } from "./cache-write.ts";
import { castKernel } from "./cast.ts";
import { copyKernels } from "./copy.ts";
import { gatedKernels } from "./gated.ts";
import { linearF16Kernel } from "./f16.ts";
import { productKernels } from "./linear.ts";
import { halfKernels } from "./half.ts";
import { normKernels } from "./norm.ts";
import { optimizerKernels } from "./optimizer.ts";
import { randomUniformKernel } from "./random-uniform.ts";
import { reduceKernels } from "./reduce.ts";
import { ropeKernel } from "./rope.ts";
import { rowsKernels } from "./rows.ts";
import { softmaxKernels } from "./softmax.ts";
import { unaryKernels } from "./unary.ts";

/** Every kernel of this package. */
export const KERNELS: readonly Kernel<WebgpuTypes>[] = [
  affineInt8Kernel,
  ...affineKernels,
  ...attentionKernels,
  ...binaryKernels,
  cacheWriteKernel,
  castKernel,
  ...copyKernels,
  ...gatedKernels,
  ...halfKernels,
  linearF16Kernel,
  ...normKernels,
  ...optimizerKernels,
  ...productKernels,
  randomUniformKernel,
  ...reduceKernels,
  ropeKernel,
  ...rowsKernels,
  ...softmaxKernels,
  ...unaryKernels,
];
