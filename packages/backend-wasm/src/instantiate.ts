/** Kernel modules over the device's memory, and the choice of their variant. */
import type { WasmFunctions } from "./encoder.ts";
import { packVariantMissing } from "./errors.ts";
import { agree, selfCheck } from "./self-check.ts";
import type { WasmPack } from "./types.ts";
import type { WasmVariant } from "./variants.ts";
import { modules } from "./generated/modules.ts";

/** The device's own functions and each pack's (which see the device's too), all over one memory. */
export interface Instances {
  readonly own: WasmFunctions;
  readonly packs: readonly { readonly pack: WasmPack; readonly functions: WasmFunctions }[];
}

/** This package's kernels of one variant over a memory. */
export async function instantiateOwn(variant: WasmVariant, memory: WebAssembly.Memory): Promise<WasmFunctions> {
  return instantiate(modules[variant](), memory);
}

export async function instantiateAll(variant: WasmVariant, memory: WebAssembly.Memory, packs: readonly WasmPack[]): Promise<Instances> {
  const own = await instantiateOwn(variant, memory);
  return {
    own,
    packs: await Promise.all(
      packs.map(async (pack) => {
        const bytes = pack.modules[variant] as (() => Uint8Array<ArrayBuffer>) | undefined;
        if (bytes === undefined) throw packVariantMissing({ pack: pack.id, variant });
        return { pack, functions: { ...own, ...(await instantiate(bytes(), memory)) } };
      }),
    ),
  };
}

/** Relaxed SIMD where the engine takes it and computes what plain SIMD computes; undefined: no SIMD at all. */
export async function chooseVariant(portable: boolean): Promise<WasmVariant | undefined> {
  if (!WebAssembly.validate(modules.simd())) return undefined;
  if (portable || !WebAssembly.validate(modules["relaxed-simd"]())) return "simd";
  const [plain, relaxed] = await Promise.all([outcomeOf("simd"), outcomeOf("relaxed-simd")]);
  return agree(plain, relaxed) ? "relaxed-simd" : "simd";
}

async function outcomeOf(variant: WasmVariant): Promise<Float32Array> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return selfCheck(await instantiateOwn(variant, memory), memory);
}

async function instantiate(bytes: Uint8Array<ArrayBuffer>, memory: WebAssembly.Memory): Promise<WasmFunctions> {
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports as unknown as WasmFunctions;
}
