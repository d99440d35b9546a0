import { defineConfig } from "vitest/config";
import { compressed } from "./build_steps/compressed.ts";
import { serviceWorker } from "./build_steps/service_worker.ts";

export default defineConfig({
  base: "/app/",
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // The policy of the page allows no data: scripts, and every file is cached by its own name.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "iife" }, // LiteRT.js loads its runtime by importScripts, which only classic workers have.
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [serviceWorker(), compressed()],
  server: { proxy: { "/v1": "http://127.0.0.1:8000", "/updates": "http://127.0.0.1:8000" } },
  // A test may take as long as a busy machine needs: none asserts on time.
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
