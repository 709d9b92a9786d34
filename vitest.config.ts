import { defineConfig } from "vitest/config";

const conditions = ["@pare/source", "node", "import", "module", "default"];

/** A file that takes the counts as JSON, beside the usual output: `.ci/run` reads them there. */
const report = process.env["PARE_TEST_REPORT"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "tools/**/*.test.ts", "interop/*.test.ts"],
    typecheck: {
      enabled: true,
      include: ["packages/*/{src,test}/**/*.test-d.ts"],
      tsconfig: "tsconfig.test.json",
      ignoreSourceErrors: true,
    },
    testTimeout: 60_000,
    maxWorkers: 2,
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});
