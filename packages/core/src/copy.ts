import { secondCopy } from "./errors.ts";

const COPY = Symbol.for("@pare/core");

/**
 * Throws `core/second-copy` when another copy of this module is in use in the process. Called where plugins are made and
 * registries are created, so importing core does nothing.
 *
 * @param here URL of the copy that asks.
 */
export function claimCore(here: string = import.meta.url): void {
  // A development server adds a query to the URL of a module it loads again: the same copy.
  const second = here.replace(/[?#].*$/, "");
  const holder = globalThis as { [COPY]?: string };
  const first = (holder[COPY] ??= second);
  if (first !== second) throw secondCopy({ first, second });
}
