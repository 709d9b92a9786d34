import { defineConfig } from "vitest/config";

const conditions = ["@pare/source", "node", "import", "module", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "tools/**/*.test.ts"],
    typecheck: { enabled: true, include: ["packages/*/{src,test}/**/*.test-d.ts"], tsconfig: "tsconfig.test.json" },
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
