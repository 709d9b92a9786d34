/**
 * Peers in a process of their own, so that the flag that joins vectors (`joinVectors`) is ours alone: they run as the engine runs them by
 * default. Calls take turns with ours; what a call takes is measured over there.
 */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { vectorsJoined } from "@pare/backend-wasm";

export interface Request {
  readonly id: number;
  /** Makes object `made` by a function that a file of the benches exports; or calls a method of it. */
  readonly make?: { readonly file: string; readonly name: string } | undefined;
  readonly made: number;
  readonly method?: string | undefined;
  readonly args: readonly unknown[];
}

export interface Reply {
  readonly id: number;
  readonly error?: string | undefined;
  readonly value?: unknown;
  /** Of the call alone. */
  readonly milliseconds: number;
}

const BENCH = join(import.meta.dirname, "..");
let other: Other | undefined;
let count = 0;

/** What `make` gives for the arguments, made over there where vectors are joined here. @param file where `make` is exported, from the benches' folder. */
export async function apart<Args extends unknown[], Made extends object>(
  file: string,
  make: (...args: Args) => Promise<Made>,
  ...args: Args
): Promise<Made> {
  if (!vectorsJoined()) return make(...args);
  const peers = (other ??= new Other());
  const made = count++;
  await peers.ask({ make: { file: join(BENCH, file), name: make.name }, made, args });
  const method = (name: string) => async (): Promise<unknown> => {
    const { value, milliseconds } = await peers.ask({ made, method: name, args: [] });
    return value ?? { milliseconds };
  };
  return new Proxy({} as Made, { get: (_, name) => (name === "then" ? undefined : method(String(name))) });
}

class Other {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  private next = 0;

  constructor() {
    this.child = fork(join(BENCH, "peers/apart-child.ts"), [], { execArgv: ["--conditions=@pare/source"], serialization: "advanced" });
    this.child.on("message", (reply: Reply) => this.waiting.get(reply.id)?.(reply));
    this.child.on("exit", (code) => {
      for (const end of this.waiting.values()) end({ id: 0, error: `the peers' process ended with ${code}`, milliseconds: 0 });
    });
    this.child.unref();
    this.child.channel!.unref();
  }

  async ask(request: Omit<Request, "id">): Promise<Reply> {
    const id = this.next++;
    this.child.channel!.ref();
    const reply = await new Promise<Reply>((resolve) => {
      this.waiting.set(id, resolve);
      this.child.send({ id, ...request });
    });
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.child.channel?.unref();
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }
}
