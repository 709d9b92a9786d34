import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SHARED = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));

/** Path of a file or folder of the shared data; undefined, and said aloud, where it is not there. */
export function sharedData(name: string): string | undefined {
  const path = `${SHARED}${name}`;
  if (existsSync(path)) return path;
  console.warn(`skipped: ${path} is not there`);
  return undefined;
}
