/** What a checkpoint's folder holds. */
export const CONFIG_FILE = "config.json";
export const TOKENIZER_FILE = "tokenizer.json";
export const TOKENIZER_CONFIG_FILE = "tokenizer_config.json";
export const PROVENANCE_FILE = "provenance.json";

/** Key of `__metadata__` under which the storages of weights that are not plain dense tensors stand, as JSON. */
export const STORAGES_KEY = "pare.storages";

/** Key of `__metadata__` with the number of the tokenizer's pieces, where the model has rows to spare beyond them. */
export const PIECES_KEY = "pare.pieces";

/** The part that carries a dense weight's values goes by the weight's own name, so that any reader finds it. */
const PLAIN_PART = "values";

/** One weight in {@link STORAGES_KEY}. */
export interface StorageEntry {
  readonly storage: string;
  readonly descriptor: Readonly<Record<string, unknown>>;
}

export function tensorName(weight: string, storage: string, part: string): string {
  return storage === "dense" && part === PLAIN_PART ? weight : `${weight}#${part}`;
}

/** The weight and part that a tensor's name stands for. */
export function splitName(tensor: string): readonly [weight: string, part: string] {
  const mark = tensor.lastIndexOf("#");
  return mark < 0 ? [tensor, PLAIN_PART] : [tensor.slice(0, mark), tensor.slice(mark + 1)];
}
