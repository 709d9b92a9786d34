/** Milliseconds of work between two turns. */
const INTERVAL = 30;

/**
 * A function that gives the event loop a turn where the last one was more than 30 ms ago. Computation on a CPU device awaits nothing
 * but promises of its own: without turns it hears no Ctrl-C before it ends, and a page that runs it stands still.
 */
export function createTurns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < INTERVAL) return;
    await turn();
    last = performance.now();
  };
}

/** setTimeout would wait 1 ms in Node and 4 ms in browsers. */
function turn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => unknown };
  return new Promise((resolve) => {
    if (setImmediate !== undefined) {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    const heard = (): void => {
      port1.close();
      resolve();
    };
    port1.addEventListener("message", heard, { once: true });
    port1.start();
    port2.postMessage(null);
  });
}
