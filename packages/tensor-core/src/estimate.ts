/** What a run will take, without a device and without reading a weight. */
import type { Device } from "./device.ts";
import { sizeOf, symbolicSize, type Dims } from "./dim.ts";
import { byteSize } from "./dtype.ts";
import { outputsOf, type Graph } from "./graph.ts";
import { bindGraph } from "./passes/bind.ts";
import { detach } from "./passes/detach.ts";
import { fuse } from "./passes/fuse.ts";
import { firstCandidate, lowerWeights } from "./passes/lower-weights.ts";
import { liveNodes } from "./passes/rewrite.ts";
import { simplify } from "./passes/simplify.ts";
import { planMemory } from "./plan.ts";
import type { Chooser } from "./storage/storage.ts";
import { createStore, type StoreOptions } from "./store.ts";

/** Floating-point operations of one run of a traced graph, a product with its sum as two. Weights count as dense, however they are stored. */
export function countFlops(graph: Graph, dims: Dims): number {
  let total = 0;
  for (const node of liveNodes(bindGraph(graph, dims))) {
    if (node.kind === "leaf" || node.op.view === true) continue;
    const perElement = (): number => outputsOf(node).reduce((sum, { shape }) => sum + (symbolicSize(shape) as number), 0);
    total += node.op.flops?.(node.inputs, node.attrs) ?? perElement();
  }
  return total;
}

export interface RunPlanOptions extends StoreOptions {
  readonly dims: Dims;
  /** Default: the first candidate of each storage. */
  readonly chooser?: Chooser | undefined;
}

/** Bytes on the device while a graph runs. */
export interface RunPlan {
  /** Inputs, outputs and everything between, by the static plan. */
  readonly arenaBytes: number;
  /** Weights in the form they run in, and constants. */
  readonly weightBytes: number;
  readonly stateBytes: number;
}

/** The plan of a run on a device that has a kernel for every storage: the same passes that `compile` makes. */
export async function planRun(graph: Graph, { dims, weights, chooser = firstCandidate }: RunPlanOptions): Promise<RunPlan> {
  const device = { backend: "plan", supports: () => true } as unknown as Device;
  const store = createStore(device, { weights });
  const lowered = await lowerWeights(bindGraph(graph, dims), { device, store, chooser });
  const final = detach(fuse(simplify(lowered)));
  let [weightBytes, stateBytes] = [0, 0];
  for (const node of liveNodes(final)) {
    if (node.kind === "op" || node.leaf.kind === "input") continue;
    const bytes = byteSize(node.value.dtype) * sizeOf(node.value.shape as readonly number[]);
    if (node.leaf.kind === "state") stateBytes += bytes;
    else weightBytes += bytes;
  }
  return { arenaBytes: planMemory(final).arenaBytes, weightBytes, stateBytes };
}
