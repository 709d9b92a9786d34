/* oxlint-disable unicorn/require-post-message-target-origin -- workers have no origin */
/** Worker threads of Node and Web Workers, from the embedded text of `member.ts`. */
import { source } from "../generated/member.ts";
import type { Start } from "./member.ts";

export interface Worker {
  readonly end: () => Promise<void>;
}

/** Resolves when the thread is ready for work; rejects where the engine or the page's policy refuses it. */
export function spawn(start: Start): Promise<Worker> {
  const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  return node === undefined ? spawnWeb(start) : spawnNode(node, start);
}

async function spawnNode(node: typeof import("node:worker_threads"), start: Start): Promise<Worker> {
  const glue = `import { parentPort, workerData } from "node:worker_threads"; join(workerData, () => parentPort.postMessage("ready"));`;
  // Flags of this process (loaders, inspectors) are not for it.
  const worker = new node.Worker(urlOf(source + glue), { workerData: start, execArgv: [] });
  await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the thread ended before it was ready")));
  });
  worker.removeAllListeners();
  // A device that nobody closes keeps no process alive.
  worker.unref();
  return {
    end: async () => {
      worker.ref();
      await worker.terminate();
    },
  };
}

function urlOf(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

async function spawnWeb(start: Start): Promise<Worker> {
  const glue = `self.onmessage = ({ data }) => join(data, () => self.postMessage("ready"));`;
  const url = URL.createObjectURL(new Blob([source, glue], { type: "text/javascript" }));
  const worker = new globalThis.Worker(url, { type: "module" });
  try {
    await new Promise((resolve, reject) => {
      worker.addEventListener("message", resolve, { once: true });
      worker.addEventListener("error", ({ message }) => reject(new Error(message || "the page's policy refuses workers")), { once: true });
      worker.postMessage(start);
    });
    return { end: async () => worker.terminate() };
  } catch (error) {
    worker.terminate();
    throw error;
  } finally {
    URL.revokeObjectURL(url);
  }
}
