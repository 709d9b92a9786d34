/** What running steps and suites say: shown to people as it comes, kept for the result. */
import type { RunEvent, StepEvent } from "@pare/core";
import type { Cli } from "./cli.ts";

export interface Fallback {
  readonly op: string;
  readonly device: string;
}

/** How a stored weight ran (`sparse-csr-linear`, or `dense` where it was densified), or another choice among several. */
export interface Choice {
  readonly what: string;
  readonly chosen: string;
  readonly why: string;
}

export interface Watch {
  readonly onEvent: (event: RunEvent | StepEvent) => void;
  /** Ops that ran on the reference, once each; judged runs want none. */
  readonly fallbacks: () => readonly Fallback[];
  readonly warnings: () => readonly string[];
  /** How stored weights ran and why, once each. */
  readonly choices: () => readonly Choice[];
}

export function watch({ progress }: Cli): Watch {
  const fallbacks = new Map<string, Fallback>();
  const warnings = new Set<string>();
  const choices = new Map<string, Choice>();
  return {
    fallbacks: () => [...fallbacks.values()],
    warnings: () => [...warnings],
    choices: () => [...choices.values()],
    onEvent: (event) => {
      if (event.type === "progress") progress.show(event.progress);
      if (event.type === "step" && event.status === "begins") progress.note(`step ${event.index + 1} of ${event.total}: ${event.use}`);
      if (event.type === "step" && event.status === "cached") progress.note("  kept from an earlier run");
      if (event.type === "warning" && !warnings.has(event.message)) {
        warnings.add(event.message);
        progress.note(`warning: ${event.message}`);
      }
      if (event.type === "fallback" && !fallbacks.has(event.op)) {
        const { op, device } = event;
        fallbacks.set(op, { op, device });
        progress.note(`warning: ${device} has no kernel for ${op}; it runs on the slow reference`);
      }
      if (event.type === "choice") {
        const { what, chosen, why } = event;
        choices.set(`${what}: ${chosen}, ${why}`, { what, chosen, why });
      }
    },
  };
}

/** A line for each kernel and reason, with the number of weights: `84 × sparse-block-linear: 0.31 ms sparse, …`. */
export function describeChoices(choices: readonly Choice[]): string[] {
  const groups = new Map<string, number>();
  for (const { chosen, why } of choices) groups.set(`${chosen}: ${why}`, (groups.get(`${chosen}: ${why}`) ?? 0) + 1);
  return [...groups].map(([text, weights]) => `${weights} × ${text}`);
}
