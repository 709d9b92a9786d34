/** From a traced graph to programs on a device: one program per binding of the named dimensions, all over one arena. */
import { createTurns, nearNames } from "@pare/core";
import type { Device, DeviceBuffer, PlannedTensor, Prepared, ProgramStep } from "./device.ts";
import { sizeOf, type Dims } from "./dim.ts";
import { byteSize, viewArray, type DType } from "./dtype.ts";
import { inputMissing, kernelMissing, shapeMismatch } from "./errors.ts";
import type { Graph, LeafNode, Value } from "./graph.ts";
import type { HostTensor } from "./host.ts";
import { broadcastOp } from "./ops/broadcast.ts";
import { bindGraph, unify } from "./passes/bind.ts";
import { detach } from "./passes/detach.ts";
import { fuse } from "./passes/fuse.ts";
import { firstCandidate, lowerWeights, type ChoiceEvent } from "./passes/lower-weights.ts";
import { liveNodes } from "./passes/rewrite.ts";
import { simplify } from "./passes/simplify.ts";
import { planMemory, type Plan, type Slot } from "./plan.ts";
import type { Chooser } from "./storage/storage.ts";
import type { Resident, Store } from "./store.ts";

export interface CompileOptions {
  readonly store: Store;
  /** Numbers for named dimensions that no input or State shows. */
  readonly dims?: Dims | undefined;
  /** Picks how stored weights run; default: the first candidate the device has kernels for. */
  readonly chooser?: Chooser | undefined;
  /** Called with each op that runs on its reference because the device has no kernel. Absent: that throws `tensor-core/kernel-missing`. */
  readonly onFallback?: ((op: string) => void) | undefined;
  readonly onChoice?: ((event: ChoiceEvent) => void) | undefined;
  /** Programs kept at most; the least recently used one goes first. */
  readonly maxBindings?: number | undefined;
}

export interface RunOptions {
  /** Outputs to read back; default all. */
  readonly read?: readonly string[] | undefined;
}

export interface Compiled {
  /** Inputs by name; their shapes bind the named dimensions. Gives the outputs, and now and then the event loop a turn. Throws `tensor-core/input-missing`, `tensor-core/shape-mismatch`. */
  readonly run: (inputs?: Readonly<Record<string, HostTensor>>, options?: RunOptions) => Promise<Record<string, HostTensor>>;
  /** Compiles for these input shapes without running; gives the arena bytes of the program. */
  readonly prepare: (shapes: Readonly<Record<string, readonly number[]>>) => Promise<number>;
  readonly dispose: () => void;
}

/** Nothing is done until the first run, when shapes are known. */
export function compile(graph: Graph, options: CompileOptions): Compiled {
  const leaves = [...liveNodes(graph)].filter((node): node is LeafNode => node.kind === "leaf");
  const programs = new Map<string, Promise<Program>>();
  const limit = options.maxBindings ?? 64;
  const turns = createTurns();

  const programFor = (shapes: Readonly<Record<string, readonly number[]>>): Promise<Program> => {
    const dims = bindingOf(leaves, shapes, options);
    const key = JSON.stringify(dims);
    const known = programs.get(key);
    const program = known ?? build(graph, dims, options);
    programs.delete(key);
    programs.set(key, program);
    if (known === undefined) {
      program.catch(() => programs.delete(key));
      if (programs.size > limit) {
        const [oldest, evicted] = programs.entries().next().value!;
        programs.delete(oldest);
        // In its turn on the store: runs that were given this program are waiting before it.
        void evicted.then(
          (gone) => options.store.exclusive(async () => gone.dispose()),
          () => undefined,
        );
      }
    }
    return program;
  };

  return {
    run: async (inputs = {}, { read } = {}) => {
      const program = await programFor(Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape])));
      const outputs = await options.store.exclusive(() => program.run(inputs, read));
      await turns();
      return outputs;
    },
    prepare: async (shapes) => (await programFor(shapes)).arenaBytes,
    dispose: () => {
      for (const program of programs.values())
        void program.then(
          (gone) => gone.dispose(),
          () => undefined,
        );
      programs.clear();
    },
  };
}

function bindingOf(
  leaves: readonly LeafNode[],
  shapes: Readonly<Record<string, readonly number[]>>,
  { dims, store }: CompileOptions,
): Dims {
  const bound: Record<string, number> = { ...dims };
  for (const { leaf, value } of leaves) {
    if (leaf.kind === "input") {
      const shape = shapes[leaf.name];
      if (shape === undefined)
        throw inputMissing({
          input: leaf.name,
          expected: `${value.dtype} [${value.shape.map(String).join(", ")}]`,
          near: nearNames(leaf.name, Object.keys(shapes)),
        });
      unify(leaf.name, value.shape, shape, bound);
    } else if (leaf.kind === "state") unify(leaf.name, value.shape, store.state(leaf.name).shape, bound);
  }
  return bound;
}

async function build(graph: Graph, dims: Dims, options: CompileOptions): Promise<Program> {
  const { store } = options;
  const bound = bindGraph(graph, dims);
  const lowered = await lowerWeights(bound, {
    device: store.device,
    store,
    chooser: options.chooser ?? firstCandidate,
    onChoice: options.onChoice,
  });
  const final = detach(fuse(simplify(lowered)));
  const plan = planMemory(final);
  refuseMissingKernels(plan, store.device, options.onFallback);
  const residents = new Map<LeafNode, Resident>();
  for (const node of final.nodes) {
    if (node.kind !== "leaf") continue;
    if (node.leaf.kind === "weight") residents.set(node, await store.resident(node.leaf.name, node.leaf.part));
    if (node.leaf.kind === "constant") residents.set(node, store.place(node.leaf.tensor));
  }
  return new Program(final, plan, store, residents);
}

function refuseMissingKernels(plan: Plan, device: Device, onFallback: CompileOptions["onFallback"]): void {
  for (const op of new Set(plan.steps.map((step) => step.op.name))) {
    if (device.supports(op)) continue;
    if (onFallback === undefined) throw kernelMissing({ op, device: device.backend });
    onFallback(op);
  }
}

/** One binding, planned. Encoded anew only when the arena or a State has moved. */
class Program {
  readonly arenaBytes: number;
  private readonly graph: Graph;
  private readonly plan: Plan;
  private readonly store: Store;
  private readonly residents: ReadonlyMap<LeafNode, Resident>;
  private readonly stateNames: readonly string[];
  private prepared: Prepared | undefined;
  private buffers: readonly DeviceBuffer[] = [];

  constructor(graph: Graph, plan: Plan, store: Store, residents: ReadonlyMap<LeafNode, Resident>) {
    this.graph = graph;
    this.plan = plan;
    this.store = store;
    this.residents = residents;
    this.arenaBytes = plan.arenaBytes;
    const named = graph.nodes.flatMap((node) => (node.kind === "leaf" && node.leaf.kind === "state" ? [node.leaf.name] : []));
    this.stateNames = [...new Set([...named, ...plan.copies.map(({ state }) => state)])];
  }

  async run(inputs: Readonly<Record<string, HostTensor>>, read: readonly string[] | undefined): Promise<Record<string, HostTensor>> {
    const { device } = this.store;
    const arena = this.store.arena(Math.max(this.arenaBytes, 1));
    const prepared = this.encode(arena);
    for (const node of this.graph.nodes) {
      if (node.kind === "leaf" && node.leaf.kind === "input")
        device.write(arena, checked(node.leaf.name, node.value, inputs).data, this.plan.slots.get(node.value.id)!.offset);
    }
    await prepared.run();
    const results: Record<string, HostTensor> = {};
    for (const name of read ?? Object.keys(this.graph.outputs)) {
      const value = this.graph.outputs[name];
      if (value === undefined)
        throw inputMissing({ input: name, expected: "an output of the graph", near: nearNames(name, Object.keys(this.graph.outputs)) });
      results[name] = await this.readBack(value, arena);
    }
    return results;
  }

  dispose(): void {
    this.prepared?.dispose();
    this.prepared = undefined;
    for (const [{ leaf }, { buffer }] of this.residents) if (leaf.kind === "constant") this.store.device.free(buffer);
  }

  private encode(arena: DeviceBuffer): Prepared {
    const buffers = [arena, ...this.stateNames.map((name) => this.store.state(name).buffer)];
    if (this.prepared !== undefined && buffers.every((buffer, index) => buffer === this.buffers[index])) return this.prepared;
    this.prepared?.dispose();
    this.buffers = buffers;
    this.prepared = this.store.device.prepare(this.steps(arena));
    return this.prepared;
  }

  private steps(arena: DeviceBuffer): ProgramStep[] {
    const locate = (value: Value): PlannedTensor => this.locate(value, arena);
    const located = (values: Readonly<Record<string, Value | undefined>>): Record<string, PlannedTensor> =>
      Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, locate(value)]])));
    const steps: ProgramStep[] = this.plan.steps.map(({ op, attrs, inputs, outputs }) => ({
      op,
      attrs,
      inputs: located(inputs),
      outputs: located(outputs),
    }));
    for (const { state, value } of this.plan.copies) {
      const { buffer } = this.store.state(state);
      const y = { ...locate(value), buffer, offset: 0, constant: false };
      steps.push({ op: broadcastOp, attrs: { shape: value.shape }, inputs: { x: locate(value) }, outputs: { y } });
    }
    return steps;
  }

  private locate(value: Value, arena: DeviceBuffer): PlannedTensor {
    const slot = this.plan.slots.get(value.id)!;
    const type = { dtype: value.dtype, shape: value.shape as readonly number[] };
    if (slot.resident === undefined) return { ...type, buffer: arena, offset: slot.offset, constant: false };
    return { ...type, buffer: this.residentBuffer(slot), offset: 0, constant: slot.resident.leaf.kind !== "state" };
  }

  private residentBuffer({ resident }: Slot): DeviceBuffer {
    const { leaf } = resident!;
    return leaf.kind === "state" ? this.store.state(leaf.name).buffer : this.residents.get(resident!)!.buffer;
  }

  private async readBack(value: Value, arena: DeviceBuffer): Promise<HostTensor> {
    const { buffer, offset, dtype, shape } = this.locate(value, arena);
    return { dtype, shape, data: viewArray(dtype, await this.store.device.read(buffer, offset, byteSize(dtype) * sizeOf(shape))) };
  }
}

function checked(
  name: string,
  { dtype, shape }: { readonly dtype: DType; readonly shape: Value["shape"] },
  inputs: Readonly<Record<string, HostTensor>>,
): HostTensor {
  const given = inputs[name]!;
  if (given.dtype !== dtype || given.data.length !== sizeOf(shape as number[])) {
    throw shapeMismatch({
      op: "run",
      field: name,
      expected: `${dtype} [${shape.join(", ")}]`,
      found: `${given.dtype}, ${given.data.length} elements`,
    });
  }
  return given;
}
