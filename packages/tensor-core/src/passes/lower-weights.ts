/** A node that names a weight becomes the nodes that run its storage: one of its own candidates, or the dense op over the densified weight. */
import { symbolicSize } from "../dim.ts";
import type { Device } from "../device.ts";
import { type Graph, type LeafNode, type OpNode, type Value } from "../graph.ts";
import type { Candidate, Chooser, WeightUse } from "../storage/storage.ts";
import type { Store } from "../store.ts";
import { liveNodes, rewrite } from "./rewrite.ts";

export interface ChoiceEvent {
  /** Weight and use: `layers.0.query.weight linear`. */
  readonly what: string;
  readonly chosen: string;
  readonly why: string;
}

export interface Lowering {
  readonly device: Device;
  readonly store: Store;
  readonly chooser: Chooser;
  readonly onChoice?: ((event: ChoiceEvent) => void) | undefined;
}

/** Takes the first candidate that gives what the stored weight gives: storages list their best guess first. */
export const firstCandidate: Chooser = ({ candidates }) => {
  const candidate = candidates.find(({ approximate }) => approximate !== true);
  const why = candidate === undefined ? "the device has no kernel for this storage" : "first candidate of the storage";
  return Promise.resolve({ candidate, why });
};

/**
 * Rounds activations where a storage can use such and the device has the kernel: to int8 over codes, to f16 over weights of f16; by
 * another chooser elsewhere, which the reason then says. Faster, for a cost in accuracy that is the caller's to measure.
 */
export function roundActivations(otherwise: Chooser = firstCandidate): Chooser {
  return async (choice) => {
    const candidate = choice.candidates.find(({ approximate }) => approximate === true);
    if (candidate !== undefined) return { candidate, why: "rounded activations were asked for" };
    const chosen = await otherwise(choice);
    if (choice.use === "rows") return chosen;
    return { ...chosen, why: `no kernel here rounds activations for this storage; ${chosen.why}` };
  };
}

export async function lowerWeights(graph: Graph, lowering: Lowering): Promise<Graph> {
  const chosen = new Map<OpNode, Candidate>();
  for (const node of liveNodes(graph)) {
    const use = useOf(node);
    if (use === undefined) continue;
    const candidate = await choose(use, lowering);
    if (candidate !== undefined) chosen.set(use.node, candidate);
  }
  return rewrite(graph, {
    op: (node, inputs, { builder }) => {
      const candidate = chosen.get(node);
      if (candidate === undefined) return undefined;
      const { leaf } = node.inputs["weight"]!.node as LeafNode;
      const name = leaf.kind === "weight" ? leaf.name : "";
      const part = (key: string): Value => builder.leaf({ kind: "weight", name, part: key }, lowering.store.partType(name, key, candidate));
      return { y: candidate.lower({ x: (inputs["x"] ?? inputs["ids"])!, bias: inputs["bias"] }, part) };
    },
  });
}

interface Use {
  readonly node: OpNode;
  readonly use: WeightUse;
  readonly weight: string;
}

function useOf(node: Graph["nodes"][number]): Use | undefined {
  if (node.kind !== "op" || (node.op.name !== "linear" && node.op.name !== "rows")) return undefined;
  const source = node.inputs["weight"]!.node;
  if (source.kind !== "leaf" || source.leaf.kind !== "weight" || source.leaf.part !== undefined) return undefined;
  return { node, use: node.op.name === "linear" ? "linear" : "rows", weight: source.leaf.name };
}

async function choose({ node, use, weight }: Use, { device, store, chooser, onChoice }: Lowering): Promise<Candidate | undefined> {
  const stored = store.weight(weight);
  const all = stored.candidates(use);
  if (all.length === 0) return undefined;
  const x = (node.inputs["x"] ?? node.inputs["ids"])!;
  const rows = symbolicSize(use === "linear" ? x.shape.slice(0, -1) : x.shape) as number;
  const candidates = all.filter(({ ops }) => ops.every((op) => device.supports(op)));
  const { candidate, why } = await chooser({ weight, stored, use, rows, candidates });
  onChoice?.({ what: `${weight} ${use}`, chosen: candidate?.name ?? "dense", why });
  return candidate;
}
