/** Turns program steps into a flat list of bound calls. */
import { nearNames } from "@pare/core";
import {
  refuseWideTypes,
  runOnHost,
  sizeOf,
  viewArray,
  type Kernel,
  type PlannedTensor,
  type ProgramStep,
  type TypedArray,
} from "@pare/tensor-core";
import type { Allocator } from "./allocator.ts";
import { dtypeUnsupported, kernelUnknown } from "./errors.ts";
import { addressOf, bytesOf, normAfter } from "./following.ts";
import type { RepackedPool } from "./repacked.ts";
import type { ScratchPool } from "./scratch.ts";
import { encode } from "./team/program.ts";
import type { Team } from "./team/team.ts";
import type { WasmEncoder, WasmTensor, WasmTypes, Work } from "./types.ts";

export type WasmFunction = (...args: number[]) => number | void;
export type WasmFunctions = Readonly<Record<string, WasmFunction>>;

/** A kernel with the functions it may call. */
export interface BoundKernel {
  readonly kernel: Kernel<WasmTypes>;
  readonly functions: WasmFunctions;
}

export interface Encoding {
  readonly calls: readonly (() => unknown)[];
  /** What the program holds besides planned buffers. */
  readonly kept: readonly { readonly address: number; readonly bytes: number }[];
}

export interface EncodingParts {
  readonly memory: WebAssembly.Memory;
  readonly allocator: Allocator;
  /** One pool per thread. */
  readonly scratch: readonly ScratchPool[];
  readonly repacked: RepackedPool;
  readonly kernels: ReadonlyMap<string, BoundKernel>;
  /** Absent on one thread. */
  readonly crew?: Crew | undefined;
}

/** A team and what it needs to name functions and programs. */
export interface Crew {
  readonly team: Team;
  readonly indexOf: ReadonlyMap<WasmFunction, number>;
  /** A number that no program had. */
  readonly serial: () => number;
  /** Nanoseconds below which handing a piece over costs more than it saves. */
  readonly leastPiece: number;
}

interface Bound {
  readonly run: WasmFunction;
  readonly args: readonly number[];
}

/** Calls in order; a phase is one call for the leader. */
class Recorder {
  readonly calls: (() => unknown)[] = [];
  /** `[thread][phase][task]` */
  readonly threads: Bound[][][][];
  private sink: Bound[] | undefined;
  private readonly scratch: readonly ScratchPool[];
  private readonly leastPiece: number;
  private thread = 0;

  constructor(scratch: readonly ScratchPool[], leastPiece: number) {
    this.scratch = scratch;
    this.leastPiece = leastPiece;
    this.threads = scratch.map(() => []);
  }

  readonly take = (bytes: number): number => this.scratch[this.thread]!.take(bytes);

  add(run: WasmFunction, args: readonly number[]): void {
    if (this.sink === undefined) this.calls.push(bind({ run, args }));
    else this.sink.push({ run, args });
  }

  divide({ size, grain = 1, nanoseconds }: Work, part: (begin: number, end: number) => void, run: (phase: number) => void): void {
    const grains = Math.ceil(size / grain);
    const count = Math.min(grains, PIECES * this.threads.length, Math.floor(nanoseconds / this.leastPiece));
    if (this.threads.length === 1 || count < 2) {
      part(0, size);
      return;
    }
    const bounds = Array.from({ length: count + 1 }, (_, i) => Math.min(size, Math.floor((i * grains) / count) * grain));
    this.threads.forEach((phases, thread) => {
      this.thread = thread;
      phases.push(
        Array.from({ length: count }, (_, i) => {
          const release = this.scratch[thread]!.hold();
          this.sink = [];
          part(bounds[i]!, bounds[i + 1]!);
          release();
          return this.sink;
        }),
      );
    });
    this.sink = undefined;
    this.thread = 0;
    const phase = this.threads[0]!.length - 1;
    this.calls.push(() => run(phase));
  }
}

/** Ranges for each thread: more than one, so that a thread that is held up leaves work to the others. */
const PIECES = 2;

/** A bound function passes its arguments on without collecting them: running allocates nothing. */
function bind({ run, args }: Bound): () => unknown {
  return run.bind(undefined, ...args);
}

export function encodeSteps(steps: readonly ProgramStep[], parts: EncodingParts): Encoding {
  const { memory, allocator, scratch, repacked, kernels, crew } = parts;
  const kept: { address: number; bytes: number }[] = [];
  const persist = (bytes: number): number => {
    const address = allocator.allocate(bytes);
    kept.push({ address, bytes });
    return address;
  };
  const recorder = new Recorder(scratch, crew?.leastPiece ?? Infinity);
  let runPhase = (_phase: number): void => undefined;
  const find = ({ kernel: { op }, functions }: BoundKernel, name: string): WasmFunction => {
    const found = functions[name];
    if (found === undefined) throw kernelUnknown({ kernel: name, op, near: nearNames(name, Object.keys(functions)) });
    return found;
  };
  const encoderOf = (bound: BoundKernel, norm: () => number): WasmEncoder => ({
    memory,
    persist,
    scratch: recorder.take,
    table: (values) => {
      const address = persist(values.length * 4);
      new Int32Array(memory.buffer, address, values.length).set(values);
      return address;
    },
    call: (name, ...args) => recorder.add(find(bound, name), args),
    repacked: ({ address, constant }, bytes, kernel, args) => {
      if (!constant) return undefined;
      return repacked.take(address, `${kernel}(${args(0).join()})`, bytes, (to) => find(bound, kernel)(...args(to)));
    },
    norm,
    divide: (work, part) => recorder.divide(work, part, (phase) => runPhase(phase)),
  });
  try {
    let following: ProgramStep | undefined;
    for (const [index, step] of steps.entries()) {
      if (step === following) continue;
      const bound = kernels.get(step.op.name);
      for (const pool of scratch) pool.reset();
      if (bound === undefined) recorder.calls.push(() => runOnHost(step, liveView(memory)));
      else {
        refuseWideTypes(step, dtypeUnsupported);
        const outputs = map(step.outputs, (planned) => tensorOf(planned)!);
        const next = steps[index + 1];
        const norm = (): number => {
          const description = crew === undefined ? normAfter(step, next, next && kernels.get(next.op.name)?.kernel) : undefined;
          if (description === undefined) return 0;
          following = next;
          const address = persist(description.length);
          new Uint8Array(memory.buffer, address, description.length).set(description);
          return address;
        };
        bound.kernel.encode(encoderOf(bound, norm), map(step.inputs, tensorOf), outputs, step.attrs);
      }
    }
    if (crew !== undefined) runPhase = phasesOf(recorder.threads, crew, memory, persist);
  } catch (error) {
    for (const { address, bytes } of kept) allocator.free(address, bytes);
    throw error;
  }
  return { calls: recorder.calls, kept };
}

/** Writes the phases where the workers read them; gives what the leader does for one. */
function phasesOf(
  threads: readonly Bound[][][][],
  { team, indexOf, serial }: Crew,
  memory: WebAssembly.Memory,
  persist: (bytes: number) => number,
): (phase: number) => void {
  const own = threads[0]!.map((tasks) => tasks.map((calls) => calls.map(bind)));
  const indexed = threads.map((phases) =>
    phases.map((tasks) => tasks.map((calls) => calls.map(({ run, args }) => ({ index: indexOf.get(run)!, args })))),
  );
  const numbers = encode(indexed);
  const program = { address: persist(numbers.byteLength), serial: serial() };
  new Float64Array(memory.buffer, program.address, numbers.length).set(numbers);
  return (phase) => team.run(program, phase, own[phase]!);
}

function tensorOf(planned: PlannedTensor | undefined): WasmTensor | undefined {
  if (planned === undefined) return undefined;
  const { shape, dtype, constant } = planned;
  return { address: addressOf(planned), shape, dtype, size: sizeOf(shape), constant };
}

/** A planned tensor's live memory; asked for anew at every run, since growing the memory detaches what stood before. */
function liveView(memory: WebAssembly.Memory): (planned: PlannedTensor) => TypedArray {
  return (planned) => viewArray(planned.dtype, new Uint8Array(memory.buffer, addressOf(planned), bytesOf(planned)));
}

function map<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
