import {
  defineStage,
  filesWithin,
  isPluginRef,
  resolveStep,
  toJson,
  type Context,
  type PluginRef,
  type Stage,
  type Step,
} from "@pare/core";
import { withSeen, withWeights, type Checkpoint } from "@pare/models";
import { asFloat32, f32, type StoredWeight } from "@pare/tensor-core";
import { z } from "zod";
import type { PruneState, Retrain } from "./retrain.ts";
import { trainField } from "./retrain.ts";
import { formOf } from "./slice-weight.ts";
import { storePruned } from "./store-pruned.ts";

const ID = "prune/lottery-ticket";
const VERSION = 1;

/** Options of {@link lotteryTicket}. */
export interface LotteryTicketOptions {
  /** The pruning stage without its share: `{ use: "prune/magnitude" }`. Its option `sparsity` counts what earlier rounds pruned. */
  readonly prune: PluginRef;
  /** Share that is gone at the end; below 1. */
  readonly to: number;
  /** How many times the model is trained, pruned and rewound; default 1. */
  readonly rounds?: number | undefined;
  /** A step that trains: before every choice of what goes, and once more at the end. */
  readonly train: Retrain;
  /** A step that trains a little at first: weights are rewound to where it ends (Frankle et al. 2020). Default: to where they start. */
  readonly early?: Retrain | undefined;
}

interface Settings extends LotteryTicketOptions {
  readonly rounds: number;
}

const options: z.ZodType<Settings, LotteryTicketOptions> = z
  .object({
    prune: z.custom<PluginRef>(isPluginRef, "{ use: <pruning stage>, … }").describe("the pruning stage without its share"),
    to: z.number().gt(0).lt(1).describe("share that is gone at the end"),
    rounds: z.int().min(1).default(1).describe("how many times the model is trained, pruned and rewound"),
    train: trainField.describe("a step that trains: before every choice, and once more at the end"),
    early: trainField.optional().describe("a step that trains a little at first; weights are rewound to where it ends"),
  })
  .refine(({ prune }) => !("sparsity" in prune) && !("retrain" in prune), {
    message: "`to` and `rounds` give the share, and `train` stands beside `prune`",
    path: ["prune"],
  });

/**
 * Finds a sparse network that trains as well as the whole one (Frankle and Carbin 2019): in every round the model is trained, pruned by
 * what training made of it, and what is left goes back to its early values; after round t of n the share 1 − (1 − to)^(t/n) is gone, the
 * same part of what is left each time. Then the winning ticket is trained. Weights that nothing prunes (embeddings, norms, biases) go back as well. The model is best given
 * fresh, from `pare create`: a trained one is rewound to how it came.
 *
 * @throws `core/plugin-unknown` and what the steps throw.
 */
export const lotteryTicket: Stage<typeof ID, LotteryTicketOptions, PruneState, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/prune",
  options,
  run: async (state: PruneState, given, context) => {
    const early = await ran(given.early, state, state.model, within(context, "early"));
    let ticket = early;
    for (let round = 1; round <= given.rounds; round++) {
      context.signal.throwIfAborted();
      const sparsity = 1 - (1 - given.to) ** (round / given.rounds);
      const own = within(context, `round-${round}`);
      const trained = await ran(given.train, state, ticket, own);
      const pruned = await ran({ ...given.prune, sparsity }, state, trained, own, "prune");
      context.emit({ type: "metric", name: "share that is gone", round, value: sparsity });
      ticket = await rewound(early, pruned, { use: ID, version: VERSION, options: { round, sparsity }, seed: context.seed });
      context.emit({ type: "progress", progress: { done: round, total: given.rounds, unit: "rounds", message: ID } });
    }
    return { model: await ran(given.train, state, ticket, within(context, "ticket")) };
  },
});

/** Training keeps one snapshot in its scratch files: each part of the work has files of its own. */
function within(context: Context, folder: string): Context {
  return { ...context, scratch: context.scratch && filesWithin(context.scratch, folder) };
}

async function ran(
  reference: Retrain | undefined,
  state: PruneState,
  model: Checkpoint,
  context: Context,
  field: string = "train",
): Promise<Checkpoint> {
  if (reference === undefined) return model;
  const step: Step<PruneState, { model?: Checkpoint }> = resolveStep(context.registry, reference, field);
  return (await step.run({ ...state, model }, context)).model ?? model;
}

/** The early weights under the masks of the pruned model, which knows what was done. */
async function rewound(early: Checkpoint, pruned: Checkpoint, deed: Parameters<typeof withWeights>[2]): Promise<Checkpoint> {
  const changes: [string, StoredWeight][] = [];
  for (const [name, stored] of early.weights) {
    const ticket = pruned.weights.get(name)!;
    changes.push([name, ticket.mask === undefined ? stored : await masked(stored, ticket)]);
  }
  return withSeen(withWeights(pruned, changes, { ...deed!, options: toJson(deed!.options, "options") }), early.provenance.seen);
}

async function masked(stored: StoredWeight, ticket: StoredWeight): Promise<StoredWeight> {
  const mask = await ticket.mask!();
  const { shape, data } = asFloat32(await stored.dense());
  const values = f32(
    shape,
    Float32Array.from(data as Float32Array, (value, at) => (mask.data[at] === 0 ? 0 : value)),
  );
  return storePruned(values, mask, formOf(ticket), ticket.storage === "dense" ? "dense" : "sparse");
}
