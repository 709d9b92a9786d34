import { notExpressible } from "../errors.ts";

/** The one value that all of these are: the file says it once for all layers. Throws `models/not-expressible`. */
export function alike<Value>(field: string, values: readonly Value[], file: string = "config.json"): Value {
  const [first, ...others] = values.map((value) => JSON.stringify(value));
  const other = others.find((value) => value !== first);
  if (values.length > 0 && other === undefined) return values[0]!;
  throw notExpressible({
    file,
    field,
    expected: "the same in every layer",
    found: values.length === 0 ? "no layers" : `${first!.slice(0, 40)} and ${other!.slice(0, 40)}`,
  });
}
