/** Kernel modules over the device's memory, and the choice of their variant. */
import type { WasmFunction, WasmFunctions } from "./encoder.ts";
import { packOutdated, packVariantMissing } from "./errors.ts";
import { sharedModule } from "./team/shared.ts";
import { functionsOf } from "./team/member.ts";
import { agree, selfCheck } from "./self-check.ts";
import type { WasmModules, WasmPack } from "./types.ts";
import type { WasmVariant } from "./variants.ts";
import { modules } from "./generated/modules.ts";

/** The device's own functions and each pack's (which see the device's too), all over one memory. */
export interface Instances {
  readonly own: WasmFunctions;
  readonly packs: readonly { readonly pack: WasmPack; readonly functions: WasmFunctions }[];
  /** What other threads instantiate, and every function in the order that `functionsOf` gives there. */
  readonly modules: readonly WebAssembly.Module[];
  readonly functions: readonly WasmFunction[];
}

/** Which modules a device runs. */
export interface Build {
  readonly variant: WasmVariant;
  readonly vectors: 128 | 256;
}

/** This package's kernels of one build over a memory. */
export async function instantiateOwn(build: Build, memory: WebAssembly.Memory): Promise<WasmFunctions> {
  const bytes = await (await modulesOf(OWN, build))[build.variant]!();
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes), { env: { memory } });
  const functions = instance.exports as unknown as WasmFunctions;
  functions["f32_constants"]!(CONSTANTS);
  return functions;
}

export async function instantiateAll(build: Build, memory: WebAssembly.Memory, packs: readonly WasmPack[]): Promise<Instances> {
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const compiled = await Promise.all(
    [OWN, ...packs].map(async (pack) => {
      const bytes = (await modulesOf(pack, build))[build.variant];
      if (bytes === undefined) throw packVariantMissing({ pack: pack.id, variant: build.variant });
      const module = await bytes();
      return WebAssembly.compile(shared ? sharedModule(module) : module);
    }),
  );
  const instances = await Promise.all(compiled.map((module) => WebAssembly.instantiate(module, { env: { memory } })));
  const [own, ...rest] = instances.map(({ exports }) => exports as unknown as WasmFunctions) as [WasmFunctions, ...WasmFunctions[]];
  const bytes = own["f32_constants"]!(CONSTANTS) as number;
  rest.forEach((functions, i) => {
    if (!sameConstants(functions, memory, bytes)) throw packOutdated({ pack: packs[i]!.id });
  });
  return {
    own,
    packs: packs.map((pack, i) => ({ pack, functions: { ...own, ...rest[i] } })),
    modules: compiled,
    functions: functionsOf(compiled, instances) as WasmFunction[],
  };
}

/** Where kernels find their constants, below all tensors, and room to lay others beside them. */
const CONSTANTS = 64;
const OTHERS = 2048;

/** A pack that was built with other constants would compute with the wrong ones. */
function sameConstants(functions: WasmFunctions, memory: WebAssembly.Memory, bytes: number): boolean {
  if (functions["f32_constants"]?.(OTHERS) !== bytes) return false;
  const [own, others] = [CONSTANTS, OTHERS].map((address) => new Uint8Array(memory.buffer, address, bytes)) as [Uint8Array, Uint8Array];
  return own.every((byte, i) => byte === others[i]);
}

const OWN: Pick<WasmPack, "id" | "modules" | "wide"> = {
  id: "backend-wasm",
  modules,
  wide: async () => (await import("./generated/wide.ts")).modules,
};

/** A pack that has nothing for wide vectors runs what it has for narrow ones. */
async function modulesOf({ modules, wide }: typeof OWN, { vectors }: Build): Promise<Partial<WasmModules>> {
  return vectors === 256 && wide !== undefined ? wide() : modules;
}

export interface BuildChoice {
  readonly portable: boolean;
  readonly vectors: 128 | 256;
}

/** Relaxed SIMD where the engine takes it and computes what plain SIMD computes; undefined: no SIMD at all. */
export async function chooseBuild({ portable, vectors }: BuildChoice): Promise<Build | undefined> {
  if (!WebAssembly.validate(await modules.simd())) return undefined;
  return { variant: portable || !(await hasRelaxed()) ? "simd" : "relaxed-simd", vectors };
}

async function hasRelaxed(): Promise<boolean> {
  if (!WebAssembly.validate(await modules["relaxed-simd"]())) return false;
  const [plain, relaxed] = await Promise.all([outcomeOf("simd"), outcomeOf("relaxed-simd")]);
  return agree(plain, relaxed);
}

async function outcomeOf(variant: WasmVariant): Promise<Float32Array> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return selfCheck(await instantiateOwn({ variant, vectors: 128 }, memory), memory);
}
