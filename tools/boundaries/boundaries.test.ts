import { expect, test } from "vitest";
import { importsOf } from "./imports.ts";
import { checkSource, type Allowed } from "./rules.ts";

test("imports are found in every form, and not in comments or strings", () => {
  const source = `
    import { a } from "one";
    import type { B } from "two";
    import { type C, type D } from "three";
    import { type E, f } from "four";
    import "five";
    export { g } from "six";
    export type { H } from "seven";
    const late = await import("eight");
    type T = typeof import("nine");
    import {
      long,
      list,
    } from "ten";
    // import { x } from "comment";
    /* import { x } from "block"; */
    const url = "http://x"; const text = 'import y from "string"';
  `;
  expect(
    importsOf(source)
      .map(({ specifier, typeOnly }) => (typeOnly ? `type ${specifier}` : specifier))
      .sort(),
  ).toEqual(["one", "type two", "type three", "four", "five", "six", "type seven", "eight", "type nine", "ten"].sort());
});

const manifest = {
  name: "@pare/sparse-kernels",
  exports: { ".": { "@pare/source": "./src/index.ts" } },
  peerDependencies: { "@pare/tensor-core": "*", "@pare/backend-wasm": "*", "@pare/prune": "*" },
  devDependencies: { "@pare/models": "*" },
};
const allowed: Allowed = { imports: ["core", "tensor-core"], types: { "src/wasm/": ["backend-wasm"] } };
const check = (file: string, source: string): string[] => checkSource(file, source, { folder: "sparse-kernels", manifest }, allowed);

test.each([
  ["src/a.ts", `import { x } from "@pare/tensor-core";`],
  ["src/a.ts", `import { x } from "@pare/tensor-core/testing";`],
  ["src/wasm/a.ts", `import type { x } from "@pare/backend-wasm";`],
  ["src/a.test.ts", `import { x } from "@pare/models"; import { readFile } from "node:fs/promises";`],
  ["src/node/a.ts", `import { readFile } from "node:fs/promises";`],
  ["src/ops/index.ts", `import { a } from "./a.ts";\nexport const ALL = [a];`],
  ["src/a.test.ts", `import { x } from "../test/x.ts";`],
  ["src/a.test.ts", `import { x } from "../../models/test/x.ts";`],
  ["src/index.ts", `/** Doc. */\nexport { a, type B } from "./a.ts";\nexport type { C } from "./c.ts";`],
])("%s may hold %s", (file, source) => expect(check(file, source)).toEqual([]));

test.each([
  ["src/a.ts", `import { x } from "@pare/prune";`, "may not import @pare/prune"],
  ["src/a.ts", `import type { x } from "@pare/backend-wasm";`, "may not import @pare/backend-wasm"],
  ["src/wasm/a.ts", `import { x } from "@pare/backend-wasm";`, "only types"],
  ["src/a.ts", `import { x } from "@pare/models";`, "not declared"],
  ["src/a.ts", `import { x } from "lodash";`, "not declared"],
  ["src/a.ts", `import { x } from "@pare/sparse-kernels";`, "its own package"],
  ["src/a.ts", `import { readFile } from "node:fs/promises";`, "browsers"],
  ["src/a.ts", `import { x } from "../../prune/src/x.ts";`, "out of src"],
  ["src/a.test.ts", `import { x } from "../../prune/src/x.ts";`, "out of the package"],
  ["src/index.ts", `export * from "./a.ts";`, "explicit named exports"],
  ["src/index.ts", `export { a } from "./a.ts";\nconsole.log(1);`, "explicit named exports"],
  ["src/a.ts", `const e = defineError<{}>("a/b", "", () => ({}));`, "src/errors.ts"],
])("%s may not hold %s", (file, source, fault) => expect(check(file, source)).toEqual([expect.stringContaining(fault)]));
