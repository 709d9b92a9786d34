import type { Architecture, Head } from "../architecture.ts";
import type { ModelConfig } from "../checkpoint.ts";
import { headUnfit } from "../errors.ts";

/** What the model's forward pass gives. */
export function headOf(architecture: Architecture, config: ModelConfig): Head {
  return architecture.head?.(config) ?? { task: "next-token", perToken: true, width: config.vocabularySize };
}

/** The model's head, if it does one of these tasks. Throws `models/head-unfit`. */
export function needHead(architecture: Architecture, config: ModelConfig, tasks: string | readonly string[], use: string): Head {
  const head = headOf(architecture, config);
  const wanted = typeof tasks === "string" ? [tasks] : tasks;
  if (!wanted.includes(head.task)) throw headUnfit({ use, architecture: config.architecture, expected: wanted, found: head.task });
  return head;
}
