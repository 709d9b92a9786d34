import { defineConfig } from "vite";

/** With these headers a page may share memory between threads; without them the device runs on one and says so. */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({ server: { headers }, preview: { headers }, build: { target: "es2023" } });
