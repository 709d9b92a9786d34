/** The other end of `apart.ts`. */
import type { Reply, Request } from "./apart.ts";

type Made = Record<string, (...args: unknown[]) => unknown>;
const made = new Map<number, Made>();

process.on("message", async (request: Request) => process.send!(await answer(request)));
process.on("disconnect", () => process.exit());

async function answer({ id, make, made: index, method, args }: Request): Promise<Reply> {
  try {
    if (make !== undefined) {
      const module = (await import(make.file)) as Record<string, (...args: unknown[]) => Promise<Made>>;
      made.set(index, await module[make.name]!(...args));
      return { id, milliseconds: 0 };
    }
    const begin = performance.now();
    const value = await made.get(index)![method!]!(...args);
    const milliseconds = performance.now() - begin;
    // What a run gives back besides is not for the other side.
    return { id, milliseconds, value: method === "run" || method === "step" ? undefined : value };
  } catch (error) {
    return { id, milliseconds: 0, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
