import { z } from "zod";
import type { EncoderHead } from "../head.ts";

/** No head: hidden states as they are. */
export const features: EncoderHead<{ readonly task: "features" }> = {
  task: "features",
  options: z.strictObject({ task: z.literal("features") }),
  describe: ({ hiddenSize }) => ({ perToken: true, width: hiddenSize }),
  weights: () => [],
  forward: (_at, hidden) => hidden,
  huggingface: { classes: ["Model"], read: () => ({ task: "features" }), write: () => ({}), names: {} },
};
