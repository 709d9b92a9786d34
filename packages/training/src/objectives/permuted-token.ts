import { API_VERSION, jsonSchemaOf } from "@pare/core";
import { add, greater, mul, reshape, shuffled, uniform, type Dim, type Seed, type Value } from "@pare/tensor-core";
import { z } from "zod";
import type { Objective, ObjectivePlugin } from "../objective.ts";
import type { Sequence } from "../sequence.ts";
import { crossEntropyLoss } from "./next-token.ts";

const ID = "permuted-token";

export interface PermutedTokenSettings {
  /** One token in so many is predicted, the last ones of the order; XLNet's K. Default 6. */
  readonly oneIn?: number | undefined;
  /** Tokens side by side that are predicted together, at most. Default 5. */
  readonly span?: number | undefined;
}

type Settings = Readonly<Record<keyof PermutedTokenSettings, number>>;

const options: z.ZodType<Settings, PermutedTokenSettings> = z.object({
  oneIn: z.number().min(1).default(6).describe("one token in so many is predicted, the last ones of an order drawn by chance"),
  span: z.int().min(1).default(5).describe("tokens side by side that are predicted together, at most"),
});

/** Per token, i32: 0 for one that all see, otherwise its place among those that are predicted, from 1 on. */
const ORDER = "order";

/**
 * Permutation language model (Yang et al. 2019, eq. 3 and 5): mean negative log likelihood in nats of the last tokens of an order, each given
 * all before it in the order wherever they stand. Tokens that are not predicted come first, and see each other. Spans are chosen as in
 * section 3.1: of 1 to `span` tokens, one in every `oneIn` times as many; a row that gets none predicts one token. Spans and order follow
 * from the run's seed, the epoch and the row.
 */
export function permutedToken({ oneIn = 6, span = 5 }: PermutedTokenSettings = {}): Objective {
  return {
    use: ID,
    version: 1,
    options: { oneIn, span },
    models: [],
    tasks: [ID],
    inputs: [{ name: ORDER, count: 2 ** 31, otherwise: 0 }],
    visit: (sequence, key) => permuted(sequence, key, { oneIn, span }),
    loss: (scope) => {
      const hidden = hiddenBy(scope.inputs.extra![ORDER]);
      return crossEntropyLoss(scope, scope.forward({ ...scope.inputs, permutation: { hidden, targets: "each" } }));
    },
  };
}

/** 1 where the token of a row comes no later in the order than that of a column, which is predicted, `[batch, seq, seq]`. */
export function hiddenBy(order: Value): Value {
  const [batch, seq] = order.shape as [Dim, Dim];
  const seen = reshape(order, [batch, 1, seq]);
  return mul(greater(seen, 0), greater(add(seen, 1), reshape(order, [batch, seq, 1])));
}

function permuted(sequence: Sequence, key: Seed, settings: Settings): Sequence {
  const places = sequence.targets.flatMap((target, place) => (target < 0 ? [] : [place]));
  const chosen = spansOf(places.length, key, settings);
  const ranks = shuffled(key, 1, chosen.length);
  const targets = sequence.targets.map(() => -1);
  const order = sequence.tokens.map(() => 0);
  chosen.forEach((at, index) => {
    const place = places[at];
    targets[place] = sequence.targets[place];
    order[place] = ranks[index] + 1;
  });
  return { ...sequence, targets, extra: { ...sequence.extra, [ORDER]: order } };
}

/** Which of so many tokens are predicted, ascending. */
function spansOf(count: number, key: Seed, { oneIn, span }: Settings): number[] {
  const chosen: number[] = [];
  const draws = uniform(key, 0, 2 * count);
  for (let begin = 0, draw = 0; begin < count; draw += 2) {
    const length = 1 + Math.floor(draws[draw] * span);
    const room = Math.max(length, Math.round(length * oneIn));
    const from = begin + Math.floor(draws[draw + 1] * (room - length + 1));
    for (let at = from; at < Math.min(from + length, count); at++) chosen.push(at);
    begin += room;
  }
  return chosen.length > 0 || count === 0 ? chosen : [Math.floor(uniform(key, 2, 1)[0] * count)];
}

/** The objective `permuted-token`. */
export const permutedTokenObjective: ObjectivePlugin<typeof ID, PermutedTokenSettings> = {
  kind: "objective",
  id: ID,
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/training",
  jsonSchema: jsonSchemaOf(options),
  define: { options, create: permutedToken },
};
