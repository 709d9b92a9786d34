/** Every error of models. */
import { defineError, type ErrorFactory } from "@pare/core";

export const weightUnknown: ErrorFactory<{ weight: string; near: readonly string[] }> = defineError(
  "models/weight-unknown",
  "A weight was named that the architecture does not have under this config.",
  ({ weight, near }) => ({ message: "the architecture has no such weight", field: weight, near, next: "Use a name from the architecture's weights(config)." }),
);

export const rowsInvalid: ErrorFactory<{ field: string; expected: string; found: string }> = defineError(
  "models/rows-invalid",
  "Token rows given to a session cannot be run: empty, of other number than their sources, or with ids outside the vocabulary.",
  ({ field, expected, found }) => ({ message: "these token rows cannot be run", field, expected, found, next: "Correct the rows that are given to the session." }),
);
