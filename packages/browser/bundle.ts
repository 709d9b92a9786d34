/** How the package becomes one module: for `build.ts`, and for tests, which bundle its sources. */
import { join } from "node:path";
import type { Plugin, UserConfig } from "vite";

/** Leaves out kernels for an engine that no page runs on. */
const narrowVectors: Plugin = {
  name: "narrow-vectors",
  load: (id) => (/\/generated\/wide\.[jt]s$/.test(id) ? "export const modules = undefined;" : undefined),
};

export const oneModule: UserConfig = {
  build: {
    lib: { entry: join(import.meta.dirname, "src/index.ts"), formats: ["es"], fileName: () => "pare.js" },
    rolldownOptions: { output: { codeSplitting: false } },
  },
  plugins: [narrowVectors],
};
