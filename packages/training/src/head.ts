/** The stage that puts a fresh head on a model. */
import { defineStage, toJson, type Context, type Stage } from "@pare/core";
import { withHead, type Checkpoint, type HeadWanted } from "@pare/models";
import { z } from "zod";
import { openData, type DataReference, type Example, type Part } from "./data/data.ts";
import { labelsMissing } from "./errors.ts";
import { dataFields } from "./sequences.ts";
import { subjectOf } from "./subject.ts";

const ID = "train/head";
const VERSION = 1;

/** Options of {@link attachHead}. */
export interface AttachHeadOptions {
  /** The task (masked-token, sequence-classification, token-classification, question-answering, multiple-choice, sentence-embedding), or it with options. */
  readonly head: string | HeadWanted;
  /** Names of the classes, in the order of their indices; default: those that `data` holds, numbers by size and names by alphabet. */
  readonly labels?: readonly string[] | undefined;
  readonly data?: DataReference | undefined;
  /** Default "train". */
  readonly part?: Part | undefined;
}

type Settings = AttachHeadOptions & { readonly part: Part };

/** Whether a head for this task has classes, which somebody has to name. */
export function hasClasses(task: string): boolean {
  return task === "sequence-classification" || task === "token-classification";
}

function taskOf(head: AttachHeadOptions["head"]): string {
  return typeof head === "string" ? head : head.task;
}

const schema = z.object({
  head: z
    .union([z.string().min(1), z.looseObject({ task: z.string().min(1) })])
    .describe("what the head is for: masked-token, sequence-classification, … or { task, … }"),
  labels: z.array(z.string().min(1)).min(1).optional().describe("names of the classes by index; default: those of the data"),
  data: dataFields.data.optional(),
  part: dataFields.part,
});

const options: z.ZodType<Settings, AttachHeadOptions> = schema.refine(
  ({ head, labels, data }) => hasClasses(taskOf(head)) || (labels === undefined && data === undefined),
  { message: "labels and data name classes, which this head does not have", path: ["labels"] },
);

/**
 * Puts a fresh head on an encoder, its weights drawn from the run's seed, in the place of the one it has. Class names stand in the config
 * and in what is written of the model. All other weights stay as they are.
 *
 * @throws `training/labels-missing`, `models/head-fixed`, `models/config-invalid`, what the data set throws.
 */
export const attachHead: Stage<typeof ID, AttachHeadOptions, { model: Checkpoint }, { model: Checkpoint }> = defineStage({
  id: ID,
  version: VERSION,
  package: "@pare/training",
  options,
  needs: ["model"],
  run: async ({ model }: { model: Checkpoint }, given, context) => {
    const asked = typeof given.head === "string" ? { task: given.head } : given.head;
    const head = hasClasses(asked.task) ? { ...asked, ...(await classesFor(asked, given, context)) } : asked;
    const { architecture } = subjectOf(model, context.registry);
    const deed = { use: ID, version: VERSION, options: toJson({ ...given, head }, "options"), seed: context.seed };
    return { model: withHead(model, architecture, head, { seed: context.seed, deed }) };
  },
});

async function classesFor(head: HeadWanted, given: Settings, { registry }: Pick<Context, "registry">): Promise<Partial<HeadWanted>> {
  if (given.labels !== undefined) return { labels: given.labels };
  if (head["labels"] !== undefined) return {};
  if (head["kind"] === "regression") return { labels: ["value"] };
  if (given.data === undefined) throw labelsMissing({ task: head.task, found: "neither labels nor data" });
  const set = openData(given.data, registry);
  const examples = await set.examples(given.part);
  const found = examples.flatMap(head.task === "token-classification" ? tagsIn : labelsIn);
  if (found.length === 0)
    throw labelsMissing({ task: head.task, found: `no ${head.task === "token-classification" ? "tags" : "labels"} in ${set.id}` });
  const labels = [...new Set(found.map(String))].sort(byName);
  // One class is no choice; a head of one label is one for numbers, which has to be asked for.
  if (labels.length === 1) throw labelsMissing({ task: head.task, found: `one class alone, ${labels[0]}, in ${set.id}` });
  const several = examples.some(({ wanted }) => wanted !== undefined && "label" in wanted && typeof wanted.label === "object");
  return several && head["kind"] === undefined ? { labels, kind: "multiple" } : { labels };
}

function tagsIn({ wanted }: Example): readonly string[] {
  return wanted !== undefined && "tags" in wanted ? wanted.tags.map(({ tag }) => tag) : [];
}

function labelsIn({ wanted }: Example): readonly (string | number)[] {
  if (wanted === undefined || !("label" in wanted)) return [];
  return typeof wanted.label === "object" ? wanted.label : [wanted.label];
}

/** Numbers by size, names by their code points: the same everywhere. */
function byName(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a < b ? -1 : 1;
}
