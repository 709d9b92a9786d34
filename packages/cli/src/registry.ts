/** The plugins that come with Pare, and those of `pare.config.ts`. */
import { createRegistry, type Registry } from "@pare/core";
import { loadConfig, type PareConfig } from "./config.ts";

/** What is registered for a command that runs in `folder`. */
export async function openRegistry(folder: string): Promise<{ readonly registry: Registry; readonly config: PareConfig }> {
  const config = await loadConfig(folder);
  return { registry: createRegistry(...(config.plugins ?? [])), config };
}
