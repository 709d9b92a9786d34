import type { Kernel } from "@pare/tensor-core";
import type { GpujsTypes } from "../types.ts";
import { affineKernels } from "./affine.ts";
import { attentionKernels } from "./attention.ts";
import { copyKernels } from "./copy.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { matmulKernels } from "./matmul.ts";
import { normKernels } from "./norm.ts";
import { optimizerKernels } from "./optimizer.ts";
import { reduceKernels } from "./reduce.ts";
import { ropeKernel } from "./rope.ts";
import { rowsKernels } from "./rows.ts";
import { softmaxKernels } from "./softmax.ts";

/** Every kernel of this backend. */
export const KERNELS: readonly Kernel<GpujsTypes>[] = [
  ...elementwiseKernels,
  ...copyKernels,
  ...reduceKernels,
  ...softmaxKernels,
  ...normKernels,
  ropeKernel,
  ...rowsKernels,
  ...matmulKernels,
  ...affineKernels,
  ...attentionKernels,
  ...optimizerKernels,
];
