import type { Architecture, TokenInput } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { rowsInvalid } from "../errors.ts";
import { contextOf } from "../scope.ts";
import type { SequenceBatch } from "./types.ts";

/** Rows that the model can read: known ids, no longer than its context, sources where it has an encoder. Throws `models/rows-invalid`. */
export function checkBatch({ config }: Checkpoint, architecture: Architecture, { tokens, sources, extra = {} }: SequenceBatch): void {
  const { family, encode } = architecture;
  if ((sources !== undefined) !== (encode !== undefined)) {
    throw rowsInvalid({
      field: "sources",
      expected: encode === undefined ? `none: this ${family} reads tokens alone` : "a source for every row",
      found: sources === undefined ? "none" : "sources",
    });
  }
  if (tokens.length === 0) throw rowsInvalid({ field: "tokens", expected: "one row or more", found: "none" });
  if (sources !== undefined && sources.length !== tokens.length) {
    throw rowsInvalid({ field: "sources", expected: `${tokens.length} rows, as many as tokens has`, found: `${sources.length}` });
  }
  const limit = contextOf(config);
  for (const [field, rows] of Object.entries({ tokens, sources: sources ?? [] })) {
    for (const [index, row] of rows.entries()) checkRow(`${field}[${index}]`, row, config.vocabularySize, limit);
  }
  checkExtra(architecture.tokenInputs?.(config) ?? [], extra);
}

function checkExtra(inputs: readonly TokenInput[], extra: NonNullable<SequenceBatch["extra"]>): void {
  for (const [name, rows] of Object.entries(extra)) {
    const input = inputs.find((one) => one.name === name);
    if (input === undefined) {
      const known = inputs.map((one) => one.name).join(", ");
      throw rowsInvalid({ field: `extra.${name}`, expected: known === "" ? "none: this model reads none" : known, found: name });
    }
    for (const [index, row] of rows.entries()) {
      const wrong = row.find((number) => !Number.isInteger(number) || number < 0 || number >= input.count);
      if (wrong !== undefined)
        throw rowsInvalid({ field: `extra.${name}[${index}]`, expected: `numbers of 0 to ${input.count - 1}`, found: `${wrong}` });
    }
  }
}

function checkRow(field: string, row: readonly number[], vocabularySize: number, limit: number): void {
  if (row.length > limit) throw rowsInvalid({ field, expected: `at most ${limit} tokens, the model's context`, found: `${row.length}` });
  const wrong = row.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (wrong !== undefined) throw rowsInvalid({ field, expected: `ids of 0 to ${vocabularySize - 1}`, found: `${wrong}` });
}
