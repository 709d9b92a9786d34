import type { Architecture } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { rowsInvalid } from "../errors.ts";
import type { SequenceBatch } from "./types.ts";

/** Rows that the model can read: known ids, no longer than its context, sources where it has an encoder. Throws `models/rows-invalid`. */
export function checkBatch({ config }: Checkpoint, { family }: Architecture, { tokens, sources }: SequenceBatch): void {
  if ((sources !== undefined) !== (family === "encoder-decoder")) {
    throw rowsInvalid({
      field: "sources",
      expected: family === "decoder" ? "none: a decoder reads tokens alone" : "a source for every row",
      found: sources === undefined ? "none" : "sources",
    });
  }
  if (tokens.length === 0) throw rowsInvalid({ field: "tokens", expected: "one row or more", found: "none" });
  if (sources !== undefined && sources.length !== tokens.length) {
    throw rowsInvalid({ field: "sources", expected: `${tokens.length} rows, as many as tokens has`, found: `${sources.length}` });
  }
  const limit = typeof config["contextLength"] === "number" ? config["contextLength"] : Infinity;
  for (const [field, rows] of Object.entries({ tokens, sources: sources ?? [] })) {
    for (const [index, row] of rows.entries()) checkRow(`${field}[${index}]`, row, config.vocabularySize, limit);
  }
}

function checkRow(field: string, row: readonly number[], vocabularySize: number, limit: number): void {
  if (row.length > limit) throw rowsInvalid({ field, expected: `at most ${limit} tokens, the model's context`, found: `${row.length}` });
  const wrong = row.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (wrong !== undefined) throw rowsInvalid({ field, expected: `ids of 0 to ${vocabularySize - 1}`, found: `${wrong}` });
}
