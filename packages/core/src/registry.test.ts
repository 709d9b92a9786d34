import fc from "fast-check";
import { expect, test } from "vitest";
import { PareError } from "./error.ts";
import type { ArtifactLoader, Backend } from "./plugin.ts";
import { createRegistry } from "./registry.ts";

const backend = (id: string, from = "@pare/backend-x"): Backend<string, object> => ({
  kind: "backend",
  id,
  version: 1,
  apiVersion: 1,
  package: from,
  open: async () => ({}),
});
const loader = (id: string, from = "@pare/models"): ArtifactLoader<string, any> => ({
  kind: "artifact",
  id,
  version: 1,
  apiVersion: 1,
  package: from,
  load: async () => ({}),
});

function thrownBy(act: () => unknown): PareError {
  try {
    act();
  } catch (error) {
    if (error instanceof PareError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("the same id may stand in two kinds, not twice in one", () => {
  const registry = createRegistry(backend("x"), loader("x"));
  expect(registry.find("backend", "x").kind).toBe("backend");
  expect(registry.find("artifact", "x").kind).toBe("artifact");
  const error = thrownBy(() => createRegistry(backend("x", "one"), backend("x", "two")));
  expect(error.code).toBe("core/plugin-duplicate");
  expect(error.report.found).toBe("one and two");
});

test("a plugin of another contract is refused", () => {
  const error = thrownBy(() => createRegistry({ ...backend("x"), apiVersion: 2 as 1 }));
  expect(error.code).toBe("core/plugin-api-version");
  expect(error.message).toContain("@pare/backend-x");
});

test("an unknown id names near ones and the package that may hold it", () => {
  const registry = createRegistry(loader("scan/simple", "@pare/eval-suites"), backend("wasm"));
  const typo = thrownBy(() => registry.find("artifact", "scan/smiple"));
  expect(typo.code).toBe("core/plugin-unknown");
  expect(typo.report.near).toEqual(["scan/simple"]);
  expect(typo.report.next).toContain("@pare/eval-suites");
  expect(thrownBy(() => registry.find("stage", "prune/heads")).report.next).toContain("@pare/prune");
  expect(thrownBy(() => registry.find("backend", "webgpu")).report.next).toContain("@pare/backend-webgpu");
});

test("every registered plugin is found under its id and nothing else is", () => {
  const ids = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(ids, fc.string(), (known, other) => {
      const plugins = known.map((id) => backend(id));
      const registry = createRegistry(...plugins);
      expect(registry.list("backend")).toEqual(plugins);
      known.forEach((id, index) => expect(registry.find("backend", id)).toBe(plugins[index]));
      if (!known.includes(other)) expect(thrownBy(() => registry.find("backend", other)).code).toBe("core/plugin-unknown");
    }),
  );
});
