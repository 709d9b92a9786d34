import { openGpujs } from "@pare/backend-gpujs";
import { openWebgpu } from "@pare/backend-webgpu";
import { SPARSE_OPS } from "@pare/sparse-kernels";
import { SPARSE_UNSUPPORTED, sparseGpujsPack } from "@pare/sparse-kernels/gpujs";
import { sparseWebgpuPack } from "@pare/sparse-kernels/webgpu";
import { conformanceRunner } from "../../../../tools/browser/conformance.ts";

type Run = (name: string) => Promise<string | undefined>;

export const webgpu: Run = conformanceRunner({ device: () => openWebgpu({ packs: [sparseWebgpuPack] }), ops: SPARSE_OPS });
export const gpujs: Run = conformanceRunner({
  device: () => openGpujs({ packs: [sparseGpujsPack] }),
  ops: SPARSE_OPS,
  skip: SPARSE_UNSUPPORTED,
});
