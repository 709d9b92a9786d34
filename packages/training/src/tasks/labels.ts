/** From the names of classes to their indices. */
import { nearNames } from "@pare/core";
import type { Example } from "../data/data.ts";
import { exampleUnfit } from "../errors.ts";
import type { EncodeScope } from "./task.ts";

/** The class that a name says; a whole number that is no name is the class's index. Throws `training/example-unfit`. */
export function classOf(name: string | number, { head }: EncodeScope, { place }: Example, field: string): number {
  const labels = head.labels ?? [];
  const found = labels.indexOf(String(name));
  if (found >= 0) return found;
  const index = typeof name === "number" || /^\d+$/.test(name) ? Number(name) : NaN;
  if (Number.isInteger(index) && index >= 0 && index < head.width) return index;
  const shown = labels.length > 8 ? `${labels.slice(0, 8).join(", ")} or another of ${labels.length}` : labels.join(", ");
  throw exampleUnfit({
    place,
    field,
    expected: `one of the model's classes: ${shown}`,
    found: JSON.stringify(name),
    near: nearNames(String(name), labels),
  });
}
