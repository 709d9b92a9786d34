import { frameTexts, rowOf, textsOf } from "./texts.ts";
import type { Task } from "./task.ts";

/** Hidden states: what calibration runs on. Nothing is wanted of them, so that they are not trained. */
export const features: Task = {
  task: "features",
  form: () => ({ per: "token" }),
  encode: (example, scope) => {
    const row = rowOf(frameTexts(scope, ...textsOf(example, scope)));
    return { ...row, targets: row.tokens.map(() => -1) };
  },
};
