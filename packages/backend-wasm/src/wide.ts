/**
 * WebAssembly knows vectors of 128 bits. V8 can join pairs of them that compute the same into vectors of 256 where the processor has such
 * (AVX2): twice the arithmetic per instruction, lane by lane the same bytes. It does so behind a flag that is the whole process's and may not
 * change while any of its threads compiles WebAssembly: one was seen to crash. So nothing here sets it unasked.
 */

const FLAG = "--experimental-wasm-revectorize";
/** Engines whose joined code passes the conformance suite bit by bit (Node 24 and 26): that of Node 22 joins nothing, others are not tried. */
const ENGINES: readonly string[] = ["13.6", "14.6"];

/** What this process was told since it began. */
const told = { joined: false };

/**
 * Has V8 join pairs of vectors in all WebAssembly that this process compiles from now on, the flag being `--experimental-wasm-revectorize`;
 * devices that are opened afterwards then run kernels made for that, with the same bytes. Call it first thing in a program, before there are
 * threads; a process started with the flag needs no call. False: the engine is none that it is tested on, and nothing was done.
 */
export function joinVectors(): boolean {
  if (vectorsJoined()) return true;
  const v8 = globalThis.process?.getBuiltinModule?.("node:v8");
  if (v8 === undefined || !isTested()) return false;
  v8.setFlagsFromString(FLAG);
  told.joined = true;
  return true;
}

export function vectorsJoined(): boolean {
  return isTested() && (told.joined || globalThis.process.execArgv.includes(FLAG));
}

function isTested(): boolean {
  const { process } = globalThis;
  const engine = process?.versions?.["v8"] ?? "";
  return process?.arch === "x64" && ENGINES.some((each) => engine.startsWith(`${each}.`));
}
