import { exampleEmpty } from "../errors.ts";
import { maskedToken as objective } from "../objectives/masked-token.ts";
import { tokenChoices } from "./choices.ts";
import { frameTexts, inTexts, rowOf, textsOf } from "./texts.ts";
import type { Task } from "./task.ts";

/** Every token of the texts may be asked for; which ones are is the objective's choice on each visit. Marks never are. */
export const maskedToken: Task = {
  task: "masked-token",
  form: () => ({ per: "token" }),
  encode: (example, scope) => {
    const framed = frameTexts(scope, ...textsOf(example, scope));
    const inside = inTexts(framed);
    if (!inside.includes(true)) throw exampleEmpty({ field: "target", found: JSON.stringify(example.target.slice(0, 60)) });
    return { ...rowOf(framed), targets: framed.ids.map((id, at) => (inside[at] ? id : -1)) };
  },
  choices: tokenChoices,
  objective,
};
