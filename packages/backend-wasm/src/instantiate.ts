/** Kernel modules over the device's memory, and the choice of their variant. */
import type { WasmFunction, WasmFunctions } from "./encoder.ts";
import { packOutdated, packVariantMissing } from "./errors.ts";
import { sharedModule } from "./team/shared.ts";
import { functionsOf } from "./team/member.ts";
import { agree, selfCheck } from "./self-check.ts";
import type { WasmPack } from "./types.ts";
import type { WasmBuild, WasmVariant } from "./variants.ts";
import { modules } from "./generated/modules.ts";
import { wideCompiler } from "./wide.ts";

/** The device's own functions and each pack's (which see the device's too), all over one memory. */
export interface Instances {
  readonly own: WasmFunctions;
  readonly packs: readonly { readonly pack: WasmPack; readonly functions: WasmFunctions }[];
  /** What other threads instantiate, and every function in the order that `functionsOf` gives there. */
  readonly modules: readonly WebAssembly.Module[];
  readonly functions: readonly WasmFunction[];
}

/** Which modules a device runs, and how they are compiled. */
export interface Build {
  readonly name: WasmBuild;
  /** What it computes. */
  readonly variant: WasmVariant;
  readonly compile: (module: Uint8Array<ArrayBuffer>) => WebAssembly.Module | Promise<WebAssembly.Module>;
}

/** This package's kernels of one build over a memory. */
export async function instantiateOwn({ name, compile }: Pick<Build, "name" | "compile">, memory: WebAssembly.Memory): Promise<WasmFunctions> {
  const instance = await WebAssembly.instantiate(await compile(modules[name]()), { env: { memory } });
  const functions = instance.exports as unknown as WasmFunctions;
  functions["f32_constants"]!(CONSTANTS);
  return functions;
}

export async function instantiateAll(build: Build, memory: WebAssembly.Memory, packs: readonly WasmPack[]): Promise<Instances> {
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const compiled = await Promise.all(
    [modules[build.name], ...packs.map((pack) => moduleOf(pack, build))].map((bytes) =>
      build.compile(shared ? sharedModule(bytes()) : bytes()),
    ),
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

/** A pack that has nothing for wide vectors runs what it has for narrow ones. */
function moduleOf({ id, modules }: WasmPack, { name, variant }: Build): () => Uint8Array<ArrayBuffer> {
  const bytes = modules[name] ?? (modules[variant] as (() => Uint8Array<ArrayBuffer>) | undefined);
  if (bytes === undefined) throw packVariantMissing({ pack: id, variant });
  return bytes;
}

export interface BuildChoice {
  readonly portable: boolean;
  readonly wide: boolean;
}

/**
 * Relaxed SIMD where the engine takes it and computes what plain SIMD computes, in vectors of 256 bits where the engine can be made to and
 * computes the same bytes; undefined: no SIMD at all.
 */
export async function chooseBuild({ portable, wide }: BuildChoice): Promise<Build | undefined> {
  if (!WebAssembly.validate(modules.simd())) return undefined;
  if (portable || !WebAssembly.validate(modules["relaxed-simd"]())) return narrow("simd");
  const [plain, relaxed] = await Promise.all([outcomeOf(narrow("simd")), outcomeOf(narrow("relaxed-simd"))]);
  if (!agree(plain, relaxed)) return narrow("simd");
  const compile = wide ? wideCompiler() : undefined;
  if (compile === undefined) return narrow("relaxed-simd");
  const joined: Build = { name: "relaxed-simd-256", variant: "relaxed-simd", compile };
  const same = (await outcomeOf(joined)).every((value, i) => Object.is(value, relaxed[i]));
  return same ? joined : narrow("relaxed-simd");
}

function narrow(variant: WasmVariant): Build {
  return { name: variant, variant, compile: (module) => WebAssembly.compile(module) };
}

async function outcomeOf(build: Build): Promise<Float32Array> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return selfCheck(await instantiateOwn(build, memory), memory);
}
