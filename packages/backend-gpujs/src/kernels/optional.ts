import type { GpujsTensor } from "../types.ts";

export interface Optional {
  readonly parameters: Readonly<Record<string, "tensor">>;
  readonly values: Readonly<Record<string, GpujsTensor>>;
  /** Tells the shaders apart: `_bias_residual`. */
  readonly suffix: string;
}

/** What a shader has for the optional inputs that are given: each set of them is a shader of its own. */
export function optional(tensors: Readonly<Record<string, GpujsTensor | undefined>>): Optional {
  const given = Object.entries(tensors).filter((entry): entry is [string, GpujsTensor] => entry[1] !== undefined);
  return {
    parameters: Object.fromEntries(given.map(([name]) => [name, "tensor"])),
    values: Object.fromEntries(given),
    suffix: given.map(([name]) => `_${name}`).join(""),
  };
}
