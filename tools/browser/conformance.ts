/** A backend's conformance inside a page: the entry runs the tests by name, the test file in Node lists them. */
import { conformanceTests, type ConformanceOptions } from "../../packages/tensor-core/src/testing/index.ts";

/** What the entry of a page exports as `run`: undefined when the test of this name passed, what it said otherwise. */
export function conformanceRunner(options: ConformanceOptions): (name: string) => Promise<string | undefined> {
  const tests = new Map(conformanceTests(options).map(({ name, run }) => [name, run]));
  return async (name) => {
    try {
      await tests.get(name)!();
      return undefined;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  };
}

/** The names of the same tests; opens no device. */
export function conformanceNames(options: Omit<ConformanceOptions, "device">): string[] {
  return conformanceTests({ ...options, device: () => Promise.reject(new Error("the device is in the page")) }).map(({ name }) => name);
}
