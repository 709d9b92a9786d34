/** The static memory plan: every value of a bound graph gets its place, once. */
import { sizeOf } from "./dim.ts";
import { byteSize } from "./dtype.ts";
import { stateMisused } from "./errors.ts";
import { inputsOf, type Graph, type LeafNode, type Node, type OpNode, type Value } from "./graph.ts";

/** Alignment of every planned tensor, bytes: a cache line, and enough for any SIMD load. */
const ALIGNMENT = 64;

/** Bytes that one or several values share, in the arena; or a leaf that lives outside it. */
export interface Slot {
  readonly bytes: number;
  /** First and last step that touches it; inputs begin at -1, outputs end after the last step. */
  begin: number;
  end: number;
  /** Bytes into the arena; unset for a resident. */
  offset: number;
  /** State, weight or constant that the slot stands for. */
  readonly resident: LeafNode | undefined;
}

interface StateCopy {
  readonly state: string;
  readonly value: Value;
}

export interface Plan {
  readonly slots: ReadonlyMap<number, Slot>;
  readonly steps: readonly OpNode[];
  /** Updates whose value must still be copied into its State after the last step. */
  readonly copies: readonly StateCopy[];
  readonly arenaBytes: number;
}

export function planMemory(graph: Graph): Plan {
  const steps = graph.nodes.filter((node): node is OpNode => node.kind === "op");
  const order = new Map<Node, number>(steps.map((node, index) => [node, index]));
  const slots = new Map<number, Slot>();
  const lastRead = lastReads(graph, steps);
  for (const node of graph.nodes) {
    if (node.kind === "leaf") slots.set(node.value.id, leafSlot(node, lastRead.get(node.value.id) ?? -1));
    else assign(node, order.get(node)!, { graph, slots, lastRead });
  }
  const copies = finishUpdates(graph, slots);
  const arenaBytes = place([...new Set(slots.values())].filter(({ resident }) => resident === undefined));
  return { slots, steps: steps.filter(({ op }) => op.view !== true), copies, arenaBytes };
}

interface Planning {
  readonly graph: Graph;
  readonly slots: Map<number, Slot>;
  readonly lastRead: ReadonlyMap<number, number>;
}

function assign(node: OpNode, step: number, planning: Planning): void {
  const { slots, lastRead } = planning;
  for (const [name, output] of Object.entries(node.outputs)) {
    const end = Math.max(lastRead.get(output.id) ?? step, step);
    const shared = sharedSlot(node, name, step, planning);
    if (shared === undefined) slots.set(output.id, { bytes: bytesOf(output), begin: step, end, offset: 0, resident: undefined });
    else {
      shared.end = Math.max(shared.end, end);
      slots.set(output.id, shared);
    }
  }
}

/** The slot of an input that this output may be written over: a view, an update of State, or an input that dies here. */
function sharedSlot(node: OpNode, output: string, step: number, planning: Planning): Slot | undefined {
  const { op } = node;
  const { slots } = planning;
  if (op.view === true) return slots.get(inputsOf(node)[0]!.id);
  const target: string | undefined = op.updates?.[output];
  if (target !== undefined) return stateSlot(node, output, target, planning);
  if (output !== op.outputs[0]) return undefined;
  const bytes = bytesOf(node.outputs[output]!);
  for (const name of op.inPlace ?? []) {
    const input = node.inputs[name];
    const slot = input && slots.get(input.id);
    if (slot === undefined || slot.resident !== undefined || slot.end > step || bytesOf(input!) !== bytes || slot.bytes !== bytes) continue;
    return slot;
  }
  return undefined;
}

function stateSlot(node: OpNode, output: string, target: string, { graph, slots }: Planning): Slot {
  const slot = slots.get(node.inputs[target]!.id)!;
  const leaf = slot.resident?.leaf;
  if (leaf?.kind !== "state") throw stateMisused({ state: target, why: `${node.op.name} updates in place and takes only a State here` });
  if (graph.updates[leaf.name]?.id !== node.outputs[output]!.id) {
    throw stateMisused({ state: leaf.name, why: `${node.op.name} overwrites this State, but another value (or none) is assigned to it` });
  }
  return slot;
}

/** Checks that nobody reads a State's old value after its update, and lists the updates that need a copy. */
function finishUpdates(graph: Graph, slots: ReadonlyMap<number, Slot>): StateCopy[] {
  const copies: StateCopy[] = [];
  for (const [state, value] of Object.entries(graph.updates)) {
    const resident = slots.get(value.id)!.resident;
    if (resident?.leaf.kind !== "state" || resident.leaf.name !== state) copies.push({ state, value });
    else if (!isLeaf(value)) refuseLateReads(graph, resident, value);
  }
  return copies;
}

/** A leaf under any shape: nothing was written. */
function isLeaf({ node }: Value): boolean {
  return node.kind === "leaf" || (node.op.view === true && isLeaf(inputsOf(node)[0]!));
}

function refuseLateReads(graph: Graph, state: LeafNode, updated: Value): void {
  const updatedAt = graph.nodes.indexOf(updated.node);
  const old = new Set([state.value.id]);
  graph.nodes.forEach((node, index) => {
    if (node.kind !== "op") return;
    const readsOld = inputsOf(node).some(({ id }) => old.has(id));
    if (readsOld && node.op.view === true) for (const { id } of Object.values(node.outputs)) old.add(id);
    if (readsOld && index > updatedAt) {
      throw stateMisused({
        state: state.leaf.kind === "state" ? state.leaf.name : "",
        why: `${node.op.name} reads its old value after it was overwritten`,
      });
    }
  });
}

/** Step of the last reader of each value, readers through views included. */
function lastReads(graph: Graph, steps: readonly OpNode[]): Map<number, number> {
  const last = new Map<number, number>();
  for (const { id } of [...Object.values(graph.outputs), ...Object.values(graph.updates)]) last.set(id, steps.length);
  for (let index = steps.length - 1; index >= 0; index--) {
    const node = steps[index]!;
    const own = goesOn(node, steps[index + 1]) ? index + 1 : index;
    const through = node.op.view === true ? Math.max(own, ...Object.values(node.outputs).map(({ id }) => last.get(id) ?? index)) : own;
    for (const { id } of inputsOf(node)) last.set(id, Math.max(last.get(id) ?? -1, through));
  }
  return last;
}

/** The next step may begin with the rows that a linear layer has finished, while it still reads for others. */
function goesOn(node: OpNode, next: OpNode | undefined): boolean {
  const rows = next?.op.rowwise;
  return node.op.epilogue === true && rows !== undefined && next!.inputs[rows]!.node === node;
}

function leafSlot(node: LeafNode, end: number): Slot {
  return { bytes: bytesOf(node.value), begin: -1, end, offset: 0, resident: node.leaf.kind === "input" ? undefined : node };
}

/** Greedy by size: large slots first, each at the lowest offset where no slot alive at the same time lies. Gives the arena's bytes. */
function place(slots: readonly Slot[]): number {
  const placed: Slot[] = [];
  let total = 0;
  for (const slot of [...slots].sort((a, b) => b.bytes - a.bytes || a.begin - b.begin)) {
    const rivals = placed.filter(({ begin, end }) => begin <= slot.end && slot.begin <= end).sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (offset + align(slot.bytes) <= rival.offset) break;
      offset = Math.max(offset, rival.offset + align(rival.bytes));
    }
    slot.offset = offset;
    placed.push(slot);
    total = Math.max(total, offset + align(slot.bytes));
  }
  return total;
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function bytesOf(value: { readonly dtype: Value["dtype"]; readonly shape: Value["shape"] }): number {
  return byteSize(value.dtype) * sizeOf(value.shape as number[]);
}
