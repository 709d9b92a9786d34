import { encodeExample } from "../encode.ts";
import { nextToken as objective } from "../objectives/next-token.ts";
import { writtenSequence } from "../sequence.ts";
import { tokenChoices } from "./choices.ts";
import type { Task } from "./task.ts";

/** Language models: every token given all before it, an encoder–decoder's given its source too. */
export const nextToken: Task = {
  task: "next-token",
  form: () => ({ per: "token" }),
  encode: (example, { tokenizer: given, begin, family, limit, tooLong }) => {
    const tokenizer = { ...given, special: { ...given.special, begin } };
    const whole = encodeExample(tokenizer, family, example);
    if (whole.tokens.length <= limit) return writtenSequence(whole);
    tooLong(whole.tokens.length);
    return writtenSequence(encodeExample(tokenizer, family, example, limit));
  },
  choices: tokenChoices,
  objective,
};
