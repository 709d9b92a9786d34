import { withConfig, type Architecture, type Checkpoint, type Deed } from "@pare/models";
import type { StoredWeight } from "@pare/tensor-core";

/** The model with only these layers of a stack (ascending); the weights of later layers move up. Nothing is read. */
export function withLayersKept(
  model: Checkpoint,
  architecture: Architecture,
  stack: string,
  kept: readonly number[],
  deed?: Deed,
): Checkpoint {
  const config = architecture.withLayers(model.config, { [stack]: kept });
  const prefixesOf = (of: Checkpoint["config"]): readonly string[] =>
    architecture.layers(of).find((found) => found.stack === stack)!.prefixes;
  const [before, after] = [prefixesOf(model.config), prefixesOf(config)];
  const weights = [...model.weights].flatMap(([name, stored]): [string, StoredWeight][] => {
    const layer = before.findIndex((prefix) => name.startsWith(prefix));
    if (layer < 0) return [[name, stored]];
    const at = kept.indexOf(layer);
    return at < 0 ? [] : [[after[at] + name.slice(before[layer].length), stored]];
  });
  return withConfig(model, config, weights, deed);
}
