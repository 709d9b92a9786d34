import { linearF16Op } from "@pare/tensor-core";
import type { Features } from "./types.ts";

/** Ops of this package that a device with these features has no kernel for, each with the reason: `supports` says no. */
export function unsupported({ shaderF16 }: Features): Readonly<Record<string, string>> {
  return shaderF16 ? {} : { [linearF16Op.name]: "the adapter's shaders do not compute in f16 (`shader-f16`), or the device is portable" };
}
