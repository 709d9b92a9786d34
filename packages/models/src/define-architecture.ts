import { API_VERSION, type Named } from "@pare/core";
import type { Architecture } from "./architecture.ts";
import type { ModelConfig } from "./checkpoint.ts";

export type ArchitecturePlugin<Id extends string = string> = Named<"architecture", Id, Architecture>;

/** A plugin of kind "architecture". Its own config type is forgotten here: `parse` is what guards it. */
export function defineArchitecture<const Id extends string, Config extends ModelConfig>(
  id: Id,
  packageName: string,
  definition: Architecture<Config>,
): ArchitecturePlugin<Id> {
  return {
    kind: "architecture",
    id,
    version: 1,
    apiVersion: API_VERSION,
    package: packageName,
    define: definition as unknown as Architecture,
  };
}
