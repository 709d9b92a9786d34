/**
 * WebAssembly knows vectors of 128 bits. V8 can join pairs of them that compute the same into vectors of 256 where the processor has such
 * (AVX2): twice the arithmetic per instruction, lane by lane the same bytes. It does so behind a flag, which is set here for as long as one
 * module is compiled and no longer, so that no other module of the process is compiled otherwise than before.
 */

/** Engines whose code passes the conformance suite bit by bit (Node 24 and 26); a V8 that is not here runs vectors of 128 bits: that of Node 22 joins nothing. */
const ENGINES: readonly string[] = ["13.6", "14.6"];
/** All at once and optimised: what is compiled later would be so without the flags. Inlining wants counts of calls, which no code has yet: V8 14 ends the process. */
const FLAGS = ["experimental-wasm-revectorize", "no-liftoff", "no-wasm-lazy-compilation", "no-wasm-inlining"] as const;
const BEFORE = ["no-experimental-wasm-revectorize", "liftoff", "wasm-lazy-compilation", "wasm-inlining"] as const;

/** Compiles a module with pairs of vectors joined; undefined where the engine is none of {@link ENGINES} or was started with flags of its own. */
export function wideCompiler(): ((module: Uint8Array<ArrayBuffer>) => WebAssembly.Module) | undefined {
  const { process } = globalThis;
  const v8 = process?.getBuiltinModule?.("node:v8");
  const engine = process?.versions?.["v8"] ?? "";
  if (v8 === undefined || process.arch !== "x64" || !ENGINES.some((each) => engine.startsWith(`${each}.`))) return undefined;
  // Flags cannot be read back: those that somebody set would be lost.
  if ([...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((flag) => /wasm|liftoff/.test(flag))) return undefined;
  const set = (flags: readonly string[]): void => flags.forEach((flag) => v8.setFlagsFromString(`--${flag}`));
  return (module) => {
    set(FLAGS);
    try {
      return new WebAssembly.Module(module);
    } finally {
      set(BEFORE);
    }
  };
}
