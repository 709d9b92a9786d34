import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { shuffled, uniform, type Seed } from "@pare/tensor-core";
import { z } from "zod";
import { tokenizerIncomplete } from "../errors.ts";
import type { Objective, ObjectivePlugin } from "../objective.ts";
import type { Sequence } from "../sequence.ts";
import type { Subject } from "../subject.ts";
import { crossEntropyLoss } from "./next-token.ts";

const ID = "masked-token";

export interface MaskedTokenSettings {
  /** Share of a row's tokens that the model has to guess, at least one. Default 0.15. */
  readonly maskProbability?: number | undefined;
  /** Of these, the share that a mask stands for. Default 0.8. */
  readonly replaced?: number | undefined;
  /** And the share in whose place another token stands, drawn from the whole vocabulary; the rest stay as they are. Default 0.1. */
  readonly random?: number | undefined;
}

type Settings = Readonly<Record<keyof MaskedTokenSettings, number>>;

const options: z.ZodType<Settings, MaskedTokenSettings> = z
  .object({
    maskProbability: z.number().gt(0).max(1).default(0.15).describe("share of a row's tokens that the model has to guess"),
    replaced: z.number().min(0).max(1).default(0.8).describe("share of these that a mask stands for"),
    random: z.number().min(0).max(1).default(0.1).describe("share of these in whose place another token stands"),
  })
  .refine(({ replaced, random }) => replaced + random <= 1, { message: "replaced and random are at most 1 together", path: ["random"] });

/**
 * Masked language model (Devlin et al. 2019, section 3.1 and appendix A.1): mean negative log likelihood in nats of the tokens to guess,
 * given the rest of their row. Which tokens those are follows from the run's seed, the epoch and the row: every epoch asks for others
 * (Liu et al. 2019, section 4.1), and a run that is repeated asks for the same.
 */
export function maskedToken({ maskProbability = 0.15, replaced = 0.8, random = 0.1 }: MaskedTokenSettings = {}): Objective {
  const settings = { maskProbability, replaced, random };
  return {
    use: ID,
    version: 1,
    options: settings,
    models: [],
    tasks: [ID],
    visit: (sequence, key, subject) => masked(sequence, key, subject, settings),
    loss: (scope) => crossEntropyLoss(scope, scope.forward(scope.inputs)),
  };
}

function masked(sequence: Sequence, key: Seed, { checkpoint }: Subject, settings: Settings): Sequence {
  const { tokenizer } = checkpoint;
  const mask = tokenizer?.special.mask;
  if (tokenizer === undefined || mask === undefined) throw tokenizerIncomplete({ token: tokenizer === undefined ? "any" : "mask" });
  const places = sequence.targets.flatMap((target, place) => (target < 0 ? [] : [place]));
  const count = Math.min(places.length, Math.max(1, Math.round(settings.maskProbability * places.length)));
  const tokens = [...sequence.tokens];
  const targets = sequence.targets.map(() => -1);
  const [fates, others] = [uniform(key, 1, count), uniform(key, 2, count)];
  shuffled(key, 0, places.length)
    .subarray(0, count)
    .forEach((chosen, index) => {
      const place = places[chosen]!;
      targets[place] = sequence.targets[place]!;
      const fate = fates[index]!;
      if (fate < settings.replaced) tokens[place] = mask;
      else if (fate < settings.replaced + settings.random) tokens[place] = Math.floor(others[index]! * tokenizer.vocabularySize);
    });
  return { ...sequence, tokens, targets };
}

export const maskedTokenObjective: ObjectivePlugin<typeof ID, MaskedTokenSettings> = {
  kind: "objective",
  id: ID,
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/training",
  jsonSchema: jsonSchemaOf(options),
  define: { options, create: maskedToken },
};
